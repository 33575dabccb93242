"""Initialisation: the `init` terms of a recipe, applied to the weights that operations declare as drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.ir import Graph, Layer, path_text
from blockdsl.ops.core import Drawn
from blockdsl.recipe.initial import He, InitTerm


class Uninitialised(TorchFunctionMode):
    """Leave the functions of `torch.nn.init` undone, so that weights are drawn once and not twice."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def term_for(layer: Layer, terms: Iterable[InitTerm]) -> InitTerm:
    """The last term that has no `at`, or whose `at` names the layer or a block around it."""
    found: InitTerm = He()
    for term in terms:
        if not term.at or not _names(layer).isdisjoint(term.at):
            found = term
    return found


def check_terms(graph: Graph, terms: Iterable[InitTerm]) -> None:
    """Refuse names in `at` that no layer and no block has (raises `ArchError`)."""
    wanted = {name for term in terms for name in term.at}
    if not wanted:
        return
    known = set[str]().union(*(_names(layer) for layer in graph.layers()))
    for name in sorted(wanted - known):
        raise error(
            "name",
            f"init is to start {name}, but the network has no layer or block of that name",
            help=did_you_mean(name, known),
        )


def _names(layer: Layer) -> set[str]:
    """A layer's name and those of the blocks around it: `stage1.unit2` and `stage[1].unit[2]`."""
    dotted = layer.name.split(".")
    prefixes = range(1, len(dotted) + 1)
    return {".".join(dotted[:i]) for i in prefixes} | {path_text(layer.path[:i]) for i in prefixes}


def initialise(module: nn.Module, weights: Iterable[Drawn], term: InitTerm) -> None:
    """Draw the weights and biases of a layer from the distributions of `term`."""
    weight, bias = term.weight(), term.biases()
    for drawn in weights:
        tensor = module.get_parameter(drawn.weight)
        part = tensor if drawn.rows is None else tensor.detach()[slice(*drawn.rows)]
        getattr(nn.init, weight.function)(part, **weight.values(drawn.fan_in, drawn.fan_out))
        if drawn.bias:
            getattr(nn.init, bias.function)(
                module.get_parameter(drawn.bias), **bias.values(drawn.fan_in, drawn.fan_out)
            )
