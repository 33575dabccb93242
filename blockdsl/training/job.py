"""All of a training before it begins: network, recipe and images, which fit each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from blockdsl.codegen import build
from blockdsl.diagnostics import error
from blockdsl.ir import Graph
from blockdsl.lowering import Program
from blockdsl.recipe import Recipe
from blockdsl.training.data import Data, load
from blockdsl.training.ensemble import EnsembleResult, fit_ensemble
from blockdsl.training.evaluate import check_outputs
from blockdsl.training.loop import fit, overridden
from blockdsl.training.results import Result
from blockdsl.training.runtime import check_device
from blockdsl.training.start import Start, carry_weights, layers_until


@dataclass(frozen=True)
class Job:
    """A training that can begin.

    Attributes:
        graph: the network.
        recipe: how it is trained.
        data: what it is trained on.
        weights: the file with the weights to begin with, if there is one.
        options: further arguments of `fit`.
    """

    graph: Graph
    recipe: Recipe
    data: Data
    weights: Path | None
    options: dict[str, Any]

    @property
    def frozen(self) -> tuple[str, ...]:
        """The modules that stay as they are."""
        return self.options["frozen"]  # type: ignore[no-any-return]

    def fit(self, on_module: Callable[[Start | None], object] | None = None) -> tuple[nn.Module, Result]:
        """Train; the module, in eval mode with the weights of its best epoch, and how it went.

        Args:
            on_module: called when the module is made, with what it took from `weights`.
        """
        module = self._module(self.recipe.seed, on_module)
        return module, fit(module, self.data, self.recipe, seed=self.recipe.seed, **self.options)

    def fit_ensemble(
        self, count: int, on_module: Callable[[Start | None], object] | None = None
    ) -> tuple[list[nn.Module], EnsembleResult]:
        """Train several, which differ by their seeds; their modules, and how the mean of their answers does.

        Args:
            count: how many.
            on_module: as for `fit`, for each of them.
        """
        modules: list[nn.Module] = []

        def make() -> nn.Module:
            modules.append(self._module(None, on_module))
            return modules[-1]

        options = {"seed": self.recipe.seed, **self.options}
        return modules, fit_ensemble(make, count, self.data, self.recipe, **options)

    def _module(self, seed: int | None, on_module: Callable[[Start | None], object] | None) -> nn.Module:
        module = build(self.graph, init=self.recipe.init, seed=seed)
        start = carry_weights(module, self.graph, self.weights) if self.weights else None
        if on_module is not None:
            on_module(start)
        return module


def job(
    program: Program,
    data: str | Data,
    *,
    epochs: int | None = None,
    precision: str | None = None,
    seed: int | None = None,
    share: float = 1.0,
    weights: Path | None = None,
    freeze_until: str | None = None,
    device: str = "auto",
    devices: int = 1,
    strategy: str = "auto",
    **options: Any,
) -> Job:
    """A training of a network by its file's recipe.

    Args:
        program: the network.
        data: a data set, or its name as for `load`. One that was loaded keeps its validation images and size.
        epochs, precision, seed: in place of the file's.
        share: part of the training images.
        weights: a file to begin with; layers of another size begin anew.
        freeze_until: a point of the network; what comes before it stays as it is.
        device, devices, strategy: as for `fit`.
        options: further arguments of `fit`.

    Raises:
        ArchError: a device, data set or point is not there, or network and images do not fit.
    """
    check_device(device, devices, strategy)
    recipe, graph = overridden(program.recipe, epochs, precision, seed), program.graph
    shape = graph.only_input("training")
    if isinstance(data, str):
        validation, resize = recipe.validation, recipe.resize
        data = load(data, shape, validation=validation, resize=resize, share=share)
    elif share != 1:
        raise error("train", "a data set that was loaded has its share already", help="load(…, share=…)")
    else:
        data.check_input(shape)
    check_outputs(graph, recipe, data)
    frozen = layers_until(graph, freeze_until) if freeze_until else ()
    given = {
        "device": device, "devices": devices, "strategy": strategy, "frozen": frozen,
        "auxiliaries": {a.name: a.weight for a in graph.auxiliaries}, **options,
    }  # fmt: skip
    return Job(graph, recipe, data, weights, given)
