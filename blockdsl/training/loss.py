"""Losses by the recipe's terms, and how each one's outputs are read as probabilities."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from blockdsl.recipe import Term, terms

Loss = Callable[[Tensor, Tensor], Tensor]


def make_loss(term: Term) -> Loss:
    """The loss of outputs (B, K) and targets, labels (B,) or class shares (B, K): a mean over B."""
    match term:
        case terms.CrossEntropy(label_smoothing=smoothing):
            return lambda y, target: F.cross_entropy(y, target, label_smoothing=smoothing)
        case terms.Nll():
            return lambda y, target: -(_shares(target, y) * y.clamp(min=1e-12).log()).sum(1).mean()
        case terms.Mse(high=high, low=low):
            return lambda y, target: (y - low - (high - low) * _shares(target, y)).square().sum(1).mean()
        case terms.Rbf(rubbish=rubbish):
            return lambda y, target: _map_criterion(y, _shares(target, y), rubbish)
        case terms.Bce(label_smoothing=smoothing):
            return lambda y, target: F.binary_cross_entropy_with_logits(
                y, _shares(target, y) * (1 - smoothing) + smoothing / y.shape[1]
            )
    raise LookupError(term.name)


def probabilities(term: Term, y: Tensor) -> Tensor:
    """Outputs (B, K) as class probabilities (B, K); of distances the least is the likeliest."""
    match term:
        case terms.Nll():
            return y
        case terms.Rbf():
            return (-y).softmax(1)
    return y.softmax(1)


def _shares(target: Tensor, y: Tensor) -> Tensor:
    return F.one_hot(target, y.shape[1]).to(y.dtype) if target.ndim == 1 else target.to(y.dtype)


def _map_criterion(y: Tensor, shares: Tensor, rubbish: float) -> Tensor:
    """LeCun et al. (1998), equation 9, with `rubbish` for its constant j."""
    constant = torch.full_like(y[:, :1], -rubbish)
    return ((shares * y).sum(1) + torch.cat([-y, constant], 1).logsumexp(1)).mean()
