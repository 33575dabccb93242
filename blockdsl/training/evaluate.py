"""Loss, accuracy and class probabilities of a module on a split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from blockdsl.codegen import is_placed
from blockdsl.diagnostics import error
from blockdsl.formatting import shape_text
from blockdsl.ops import Sizes
from blockdsl.recipe import Recipe
from blockdsl.source import Span
from blockdsl.training.data import Data, Split, batches
from blockdsl.training.loss import make_loss, probabilities
from blockdsl.training.prepare import Preparation
from blockdsl.training.runtime import arranged, make_fabric

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Validation:
    """Runs modules in eval mode on prepared batches, shared out among the devices of a run."""

    def __init__(self, fabric: Fabric, data: Data, recipe: Recipe, preparation: Preparation) -> None:
        self.fabric, self.data, self.recipe = fabric, data, recipe
        self.preparation, self.loss = preparation, make_loss(recipe.loss)
        self.dtype = torch.float64 if recipe.precision == "fp64" else torch.float32

    def check(self, module: nn.Module) -> None:
        """Try one image (raises `ArchError` when there is not one output per class)."""
        y, _ = next(self._outputs(module, self.data.validation, 1))
        if not isinstance(y, Tensor):
            raise error("train", "the network yields several outputs in evaluation, not one")
        check_outputs(tuple(y.shape[1:]), self.data)

    def score(self, module: nn.Module, split: Split) -> tuple[float, float]:
        """Mean loss and accuracy (0…1)."""
        sums = torch.zeros(3, dtype=torch.float64)
        for y, labels in self._outputs(module, split):
            right = probabilities(self.recipe.loss, y).argmax(1) == labels
            sums += torch.tensor([float(self.loss(y, labels)) * len(y), int(right.sum()), len(y)])
        sums = summed(self.fabric, sums)
        return float(sums[0] / sums[2]), float(sums[1] / sums[2])

    def probabilities(self, module: nn.Module, split: Split) -> Tensor:
        """Class probabilities (N, K) of a whole split, on the CPU; for runs on one device."""
        outputs = self._outputs(module, split)
        return torch.cat([probabilities(self.recipe.loss, y).cpu() for y, _ in outputs])

    @torch.no_grad()
    def _outputs(
        self, module: nn.Module, split: Split, most: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        module.eval()
        rows = torch.arange(most or len(split.labels))[self.fabric.global_rank :: self.fabric.world_size]
        most_at_once = max(64, self.recipe.batch // self.recipe.accumulate)
        for x, labels in batches(split, torch.split(rows, most_at_once)):
            x, labels = self.fabric.to_device((x, labels))
            x, _ = self.preparation(x, labels)
            with self.fabric.autocast():
                y = module(arranged(x.to(self.dtype), module))
            yield (y.to(labels.device, self.dtype) if isinstance(y, Tensor) else y), labels


def check_outputs(shape: Sizes, data: Data, place: Span | None = None) -> None:
    """Refuse a network whose output is not one number for each class (raises `ArchError`)."""
    if shape != (data.classes,):
        shown = shape_text(shape)
        raise error(
            "train",
            f"{data.name} has {data.classes} classes, the network yields {shown}",
            place,
            help=f"end the network in FC({data.classes}), or --set classes={data.classes} where it has that",
        )


def summed(fabric: Fabric, values: Tensor) -> Tensor:
    """The sum of a tensor over all processes of a run; in float32 where there are several."""
    if fabric.world_size == 1:
        return values
    total = fabric.all_reduce(fabric.to_device(values.float()), reduce_op="sum")
    assert isinstance(total, Tensor)
    return total.cpu().double()


def predict(module: nn.Module, data: Data, recipe: Recipe, split: Split, *, device: str = "auto") -> Tensor:
    """Class probabilities (N, K) of a split, on the CPU; the module is moved to the device."""
    fabric = make_fabric(device, 1, "auto", recipe.precision)
    evaluator = Validation(fabric, data, recipe, Preparation(data))
    module.to(None if is_placed(module) else fabric.device, evaluator.dtype)
    evaluator.check(module)
    return evaluator.probabilities(module, split)


def accuracy(shares: Tensor, labels: Tensor) -> float:
    """Part of rows of probabilities (N, K) whose largest is at the label (N,)."""
    return float((shares.argmax(1) == labels).double().mean())
