"""The training loop, on Lightning Fabric for devices, precision and strategies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from torch import nn

from blockdsl.diagnostics import error
from blockdsl.output import make_folder
from blockdsl.recipe import Recipe
from blockdsl.recipe.term import RecipeError
from blockdsl.training.checkpoint import BEST, LAST
from blockdsl.training.data import Data
from blockdsl.training.results import Board, Epoch, Outcome, Result, save_curve
from blockdsl.training.run import Run
from blockdsl.training.runtime import isolated, make_fabric

OnEpoch = Callable[[Epoch], bool | None]
OnBatch = Callable[[int, int], None]


def fit(
    module: nn.Module,
    data: Data,
    recipe: Recipe,
    *,
    epochs: int | None = None,
    device: str = "auto",
    devices: int = 1,
    strategy: str = "auto",
    precision: str | None = None,
    seed: int | None = None,
    auxiliaries: Mapping[str, float] | None = None,
    frozen: Collection[str] = (),
    out: Path | None = None,
    resume: bool = False,
    on_epoch: OnEpoch | None = None,
    on_batch: OnBatch | None = None,
) -> Result:
    """Train a module in place; it ends in eval mode with the weights of its best epoch.

    The module may return a tuple of outputs, which its `output_names` name; in training mode it may return
    `(y, {name: y})` with auxiliary outputs. All outputs are held against the same target, each with its loss
    by the recipe, and the losses are added by their weights. The accuracy is that of the first output whose
    loss has a weight above 0. Every epoch draws from a seed of its own, a function of the run's seed and the
    epoch, so that a resumed run equals one that was never interrupted. torch's global generators are left as
    they were.

    Args:
        module: maps (B, *data.input_shape) to (B, classes), or to several of these. One that `blockdsl.place`
            put on several devices stays there.
        data: from `load`.
        recipe: how to train; `epochs`, `precision` and `seed` override its own.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        devices: how many of them.
        strategy: for several devices: `ddp` (data parallel), which `auto` is too.
        auxiliaries: the weight of each auxiliary output's loss, by its name.
        frozen: submodules that stay as they are: no gradients, and run as in evaluation throughout.
        out: folder for `last.pt` (to resume), `best.safetensors`, `curve.png` and TensorBoard events.
        resume: continue from `out/last.pt`.
        on_epoch: called after each epoch; the run ends when it returns True.
        on_batch: called after each step with the steps done and the steps of the whole run.

    Raises:
        ArchError: network and data do not fit, the device is missing, `out` cannot be written, or
            there is nothing to resume from.
    """
    recipe = overridden(recipe, epochs, precision, seed)
    if resume and out is None:
        raise error("resume", "there is no output folder to resume from")
    if out is not None and not resume:
        make_folder(out)
    fabric = make_fabric(device, devices, strategy, recipe.precision)
    with isolated(fabric):
        run = Run(module, data, recipe, fabric, dict(auxiliaries or {}), frozen)
        if resume and out is not None:
            run.load(out / LAST, out / BEST)
        outcome = _epochs(run, out, on_epoch, on_batch)
        test = run.finish()
    checkpoint = out / BEST if out is not None and run.history else None
    return Result(tuple(run.history), outcome, run.best, test, checkpoint)


def overridden(
    recipe: Recipe, epochs: int | None = None, precision: str | None = None, seed: int | None = None
) -> Recipe:
    """A recipe with some settings in place of its own (raises `ArchError` where one cannot be)."""
    given = {"epochs": epochs, "precision": precision, "seed": seed}
    try:
        recipe = recipe.with_({name: value for name, value in given.items() if value is not None})
    except RecipeError as refusal:
        raise error("train", str(refusal)) from None
    return recipe if epochs is None else replace(recipe, iterations=None)


def _epochs(run: Run, out: Path | None, on_epoch: OnEpoch | None, on_batch: OnBatch | None) -> Outcome:
    board = Board(out / "events", len(run.history)) if out and run.fabric.is_global_zero else None
    while len(run.history) < run.length:
        if run.stale():
            return "early stop"
        record = run.epoch(on_batch)
        if record is None:
            return "diverged"
        if out is not None and board is not None:
            run.save(out / LAST, out / BEST)
            board.add(record)
            save_curve(run.history, out / "curve.png", run.data.name)
        if on_epoch is not None and on_epoch(record):
            return "stopped"
    return "finished"
