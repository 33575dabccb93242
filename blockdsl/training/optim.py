"""Optimizers, learning-rate schedules and weight averages of `torch.optim` by the recipe's terms."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn, optim
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel

from blockdsl.diagnostics import error
from blockdsl.recipe import Recipe, terms


def make_optimizer(module: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """The optimizer over all trainable parameters, biases and vectors in groups of their own where asked.

    Raises:
        ArchError: there are none.
    """
    term = recipe.optimizer
    groups = _groups(module, recipe)
    if not groups:
        raise error(
            "train", "the network has no weights to train", help="freeze less, or add a layer that has"
        )
    match term:
        case terms.Sgd(lr=lr, momentum=momentum, dampening=dampening, nesterov=nesterov):
            return optim.SGD(groups, lr, momentum=momentum, dampening=dampening, nesterov=nesterov)
        case terms.Adamw(lr=lr, beta1=beta1, beta2=beta2, eps=eps):
            return optim.AdamW(groups, lr, betas=(beta1, beta2), eps=eps)
        case terms.Adam(lr=lr, beta1=beta1, beta2=beta2, eps=eps):
            return optim.Adam(groups, lr, betas=(beta1, beta2), eps=eps)
        case terms.Rmsprop(lr=lr, decay=decay, eps=eps, momentum=momentum):
            return optim.RMSprop(groups, lr, alpha=decay, eps=eps, momentum=momentum)
        case terms.Adagrad(lr=lr, eps=eps):
            return optim.Adagrad(groups, lr, eps=eps)
    raise LookupError(term.name)


def _groups(module: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    rate, decay = _base_rate(recipe), recipe.optimizer.weight_decay  # type: ignore[attr-defined]
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            bias = name.rpartition(".")[2] == "bias"
            spared = recipe.decay == "weights" and parameter.ndim < 2
            key = (rate * (recipe.bias_lr if bias else 1.0), 0.0 if spared else decay)
            groups.setdefault(key, []).append(parameter)
    return [{"params": ps, "lr": lr, "weight_decay": wd} for (lr, wd), ps in groups.items()]


def _base_rate(recipe: Recipe) -> float:
    return recipe.optimizer.lr  # type: ignore[attr-defined,no-any-return]


class Schedule:
    """Sets the rates: `step()` after each optimizer step, `epoch(accuracy)` after each epoch.

    Args:
        optimizer: whose groups carry the rates to begin with.
        recipe: its `schedule` and `warmup`.
        per_epoch: optimizer steps in an epoch.
        total: optimizer steps of the whole run.
    """

    def __init__(self, optimizer: optim.Optimizer, recipe: Recipe, per_epoch: int, total: int) -> None:
        term = recipe.schedule
        self._plateau: lr_scheduler.ReduceLROnPlateau | None = None
        self._steps: lr_scheduler.LambdaLR | None = None
        if isinstance(term, terms.Plateau):
            self._plateau = lr_scheduler.ReduceLROnPlateau(
                optimizer, mode="max", factor=term.factor, patience=term.patience, threshold=0.0
            )
        else:
            self._steps = lr_scheduler.LambdaLR(optimizer, rate_factor(recipe, per_epoch, total))

    def step(self) -> None:
        """One optimizer step was made."""
        if self._steps is not None:
            self._steps.step()

    def epoch(self, accuracy: float) -> None:
        """An epoch ended with this validation accuracy."""
        if self._plateau is not None:
            self._plateau.step(accuracy)

    def state_dict(self) -> dict[str, object]:
        """What a resumed run needs; numbers only."""
        state = (self._plateau or self._steps).state_dict()  # type: ignore[union-attr]
        return {k: v for k, v in state.items() if isinstance(v, int | float) and not isinstance(v, bool)}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Continue where `state_dict` was taken."""
        (self._plateau or self._steps).__dict__.update(state)


def rate_factor(recipe: Recipe, per_epoch: int, total: int) -> Callable[[int], float]:
    """The rate at an optimizer step (counted from 0), as a part of the optimizer's own rate."""
    shape, warmup = _shape(recipe, per_epoch, total), recipe.warmup

    def factor(step: int) -> float:
        value = shape(step)
        match warmup:
            case terms.Ramp(length=length, start=start, by=by):
                part = min(1.0, (step + 1) / (length * _unit(by, per_epoch, total)))
                value *= start + (1 - start) * part
            case terms.Hold(length=length, factor=held, by=by):
                value *= held if step < length * _unit(by, per_epoch, total) else 1.0
        return value

    return factor


def _unit(by: str, per_epoch: int, total: int) -> int:
    """Optimizer steps in what a schedule counts."""
    return {"epoch": per_epoch, "iteration": 1, "run": total}[by]


def _shape(recipe: Recipe, per_epoch: int, total: int) -> Callable[[int], float]:
    term = recipe.schedule
    unit = _unit(getattr(term, "by", "epoch"), per_epoch, total)
    match term:
        case terms.Step(every=every, factor=factor):
            return lambda i: factor ** math.floor(i / (every * unit) + 1e-9)
        case terms.Steps(at=at, factor=factor):
            return lambda i: factor ** bisect_right(at, i / unit + 1e-9)
        case terms.Piecewise(rates=rates, at=at):
            return lambda i: rates[bisect_right(at, i / unit + 1e-9)] / _base_rate(recipe)
        case terms.Exponential(factor=factor, every=every):
            return lambda i: factor ** (i / (every * unit))
        case terms.Poly(power=power):
            return lambda i: max(0.0, 1 - i / total) ** power
        case terms.Cosine(floor=floor):
            return lambda i: floor + (1 - floor) * (1 + math.cos(math.pi * min(1.0, i / total))) / 2
    return lambda i: 1.0


def make_average(module: nn.Module, decay: float) -> AveragedModel:
    """The running average of weights and buffers, whose decay rises to `decay` as steps are made.

    The decay after n steps is at most (1 + n) / (10 + n), so that a short run is not held back by its
    random start (TensorFlow's `ExponentialMovingAverage` with `num_updates`, which Inception used).
    """

    @torch.no_grad()
    def update(averages: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
        steps = int(count)
        share = 1 - min(decay, (1 + steps) / (10 + steps))
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value.to(average.dtype), share)
            else:
                average.copy_(value)

    return AveragedModel(module, multi_avg_fn=update, use_buffers=True)


@torch.no_grad()
def limit_filters(module: nn.Module, largest: float) -> None:
    """Scale each convolution filter down to a root mean square of `largest` (Zeiler & Fergus, 2013)."""
    for parameter in module.parameters():
        if parameter.ndim == 4 and parameter.requires_grad:
            rms = parameter.square().mean((1, 2, 3), keepdim=True).sqrt()
            parameter.mul_((largest / rms.clamp(min=1e-12)).clamp(max=1.0))
