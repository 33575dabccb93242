"""Losses by the recipe's terms, their sum over outputs, and how outputs are read as probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from blockdsl.diagnostics import error
from blockdsl.recipe import Recipe, Term, terms

Loss = Callable[[Tensor, Tensor], Tensor]
Outputs = Tensor | tuple[Tensor, ...]
"""What a network yields in evaluation: a tensor, or a tuple of several."""


class Criterion:
    """The loss of a network: the weighted sum of those of its outputs, all of the same targets.

    An output whose loss has the weight 0 is not looked at. The first of the others is the one whose accuracy
    is reported.

    Args:
        recipe: has the losses.
        outputs: the names of the outputs, in the order in which the network yields them.

    Raises:
        ArchError: no output has a loss.
    """

    def __init__(self, recipe: Recipe, outputs: Sequence[str]) -> None:
        self.outputs = tuple(outputs)
        self.terms = {name: term for name in outputs if (term := recipe.loss_of(name)).weight > 0}
        if not self.terms:
            raise error("train", "every loss has the weight 0", help="give one output a weight above 0")
        self.reported = next(iter(self.terms))
        self._losses = {name: _weighted(make_loss(term), term.weight) for name, term in self.terms.items()}
        self._auxiliary = make_loss(recipe.loss)

    def of(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """The weighted sum of the losses."""
        compared = self.compared(outputs).items()
        return reduce(add, (self._losses[name](y.to(targets.device), targets) for name, y in compared))

    def of_training(
        self,
        result: Outputs | tuple[Outputs, Mapping[str, Tensor]],
        targets: Tensor,
        weights: Mapping[str, float],
    ) -> Tensor:
        """That of what a network yields in training mode: with auxiliary outputs, each with its weight."""
        if isinstance(result, Tensor) or not isinstance(result[-1], Mapping):
            return self.of(result, targets)
        outputs, heads = result
        losses = (weights[name] * self._auxiliary(y.to(targets.device), targets) for name, y in heads.items())
        return reduce(add, losses, self.of(outputs, targets))

    def compared(self, outputs: Outputs) -> dict[str, Tensor]:
        """The outputs that have a loss, by their names.

        Raises:
            ArchError: there are more or fewer of them than names.
        """
        found = (outputs,) if isinstance(outputs, Tensor) else outputs
        if len(found) != len(self.outputs):
            raise error(
                "train", f"the network yields {len(found)} outputs in evaluation, and names "
                f"{len(self.outputs)}: {', '.join(self.outputs)}",
                help="a module of one's own names them: module.output_names = (…)",
            )  # fmt: skip
        return {name: y for name, y in zip(self.outputs, found, strict=True) if name in self.terms}

    def probabilities(self, outputs: Outputs) -> Tensor:
        """The reported output, as class probabilities (B, K)."""
        return probabilities(self.terms[self.reported], self.compared(outputs)[self.reported])


def output_names(module: object) -> tuple[str, ...]:
    """The names of a module's outputs; one that says nothing of them has one."""
    return tuple(getattr(module, "output_names", ("y",)))


def _weighted(loss: Loss, weight: float) -> Loss:
    return loss if weight == 1 else lambda y, target: weight * loss(y, target)


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
