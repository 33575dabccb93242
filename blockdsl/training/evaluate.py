"""Loss, accuracy and class probabilities of a module on a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from blockdsl.codegen import is_placed
from blockdsl.diagnostics import error
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph
from blockdsl.ops import Sizes
from blockdsl.recipe import Recipe
from blockdsl.source import Span
from blockdsl.training.data import Data, Split, batches
from blockdsl.training.loss import Criterion, Outputs, output_names
from blockdsl.training.prepare import Preparation
from blockdsl.training.runtime import arranged, make_fabric

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Validation:
    """Runs modules in eval mode on prepared batches, shared out among the devices of a run.

    All modules have the outputs that are named.
    """

    def __init__(
        self, fabric: Fabric, data: Data, recipe: Recipe, preparation: Preparation, outputs: Sequence[str]
    ) -> None:
        self.fabric, self.data, self.recipe = fabric, data, recipe
        self.preparation, self.criterion = preparation, Criterion(recipe, outputs)
        self.dtype = torch.float64 if recipe.precision == "fp64" else torch.float32

    def check(self, module: nn.Module) -> None:
        """Try one image (raises `ArchError` where an output with a loss is not one number for each class)."""
        outputs, _ = next(self._outputs(module, self.data.validation, 1))
        several = len(self.criterion.outputs) > 1
        for name, y in self.criterion.compared(outputs).items():
            check_classes(tuple(y.shape[1:]), self.data, name if several else "")

    def score(self, module: nn.Module, split: Split) -> tuple[float, float]:
        """Mean loss, and accuracy (0…1) of the first output that has a loss."""
        sums = torch.zeros(3, dtype=torch.float64)
        for outputs, labels in self._outputs(module, split):
            right = self.criterion.probabilities(outputs).argmax(1) == labels
            loss, count = float(self.criterion.of(outputs, labels)), len(labels)
            sums += torch.tensor([loss * count, int(right.sum()), count])
        sums = summed(self.fabric, sums)
        return float(sums[0] / sums[2]), float(sums[1] / sums[2])

    def probabilities(self, module: nn.Module, split: Split) -> Tensor:
        """Class probabilities (N, K) of a whole split, on the CPU; for runs on one device.

        Of several outputs they are those of the first that has a loss.
        """
        outputs = self._outputs(module, split)
        return torch.cat([self.criterion.probabilities(y).cpu() for y, _ in outputs])

    @torch.no_grad()
    def _outputs(
        self, module: nn.Module, split: Split, most: int | None = None
    ) -> Iterator[tuple[Outputs, Tensor]]:
        module.eval()
        rows = torch.arange(most or len(split.labels))[self.fabric.global_rank :: self.fabric.world_size]
        most_at_once = max(64, self.recipe.batch // self.recipe.accumulate)
        for x, labels in batches(split, torch.split(rows, most_at_once)):
            x, labels = self.fabric.to_device((x, labels))
            x, _ = self.preparation(x, labels)
            with self.fabric.autocast():
                y = module(arranged(x.to(self.dtype), module))
            made = (y,) if isinstance(y, Tensor) else y
            if not all(isinstance(one, Tensor) for one in made):
                raise error("train", "the network yields something else than tensors in evaluation")
            yield tuple([one.to(labels.device, self.dtype) for one in made]), labels


def check_outputs(graph: Graph, recipe: Recipe, data: Data) -> None:
    """Refuse a network where an output with a loss is not one number for each class (raises `ArchError`)."""
    several = len(graph.outputs) > 1
    criterion = Criterion(recipe, [port.name for port in graph.outputs])
    for name, value in graph.outputs:
        if name in criterion.terms:
            place = graph.layer(value.node).span
            check_classes(graph.shape_of(value), data, name if several else "", place)


def reported_output(graph: Graph, recipe: Recipe) -> str:
    """The output whose accuracy is reported: the first that has a loss."""
    return Criterion(recipe, [port.name for port in graph.outputs]).reported


def check_classes(shape: Sizes, data: Data, output: str = "", place: Span | None = None) -> None:
    """Refuse an output that is not one number for each class (raises `ArchError`).

    `output` is its name where there are several.
    """
    if shape == (data.classes,):
        return
    what = f"the network yields {shape_text(shape)}" + (f" as {output}" if output else "")
    help = f"end the network in FC({data.classes}), or --set classes={data.classes} where it has that"
    if output:
        help = f"end it in FC({data.classes}), or leave it out: loss.{output} = cross_entropy(weight=0)"
    raise error("train", f"{data.name} has {data.classes} classes, {what}", place, help=help)


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
    evaluator = Validation(fabric, data, recipe, Preparation(data), output_names(module))
    module.to(None if is_placed(module) else fabric.device, evaluator.dtype)
    evaluator.check(module)
    return evaluator.probabilities(module, split)


def accuracy(shares: Tensor, labels: Tensor) -> float:
    """Part of rows of probabilities (N, K) whose largest is at the label (N,)."""
    return float((shares.argmax(1) == labels).double().mean())
