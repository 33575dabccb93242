"""Initialisation: the `init` terms of a recipe, applied to the weights that operations declare as drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from blockdsl.codegen.names import modules_by_name
from blockdsl.ir import Graph, Layer, find_path, module_name, parts_of
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


def term_for(graph: Graph, layer: Layer, terms: Iterable[InitTerm]) -> InitTerm:
    """The last of `located` terms that has no `at`, or whose `at` has the layer or a block around it."""
    around = parts_of([module_name(graph.module_path(layer))])
    found: InitTerm = He()
    for term in terms:
        if not term.at or not around.isdisjoint(term.at):
            found = term
    return found


def located(graph: Graph, terms: Iterable[InitTerm]) -> tuple[InitTerm, ...]:
    """The terms with the names of the modules of layers and blocks that their `at` means, in any spelling.

    Raises:
        ArchError: `at` names what is no layer and no block.
    """
    terms = tuple(terms)
    if not any(term.at for term in terms):
        return terms
    known = modules_by_name(graph)
    return tuple(
        replace(
            term,
            at=tuple(known[find_path(name, known, "layer or block of `init`")] for name in term.at),  # type: ignore[type-var]
        )
        for term in terms
    )


def initialise(module: nn.Module, weights: Iterable[Drawn], term: InitTerm) -> None:
    """Draw the weights and biases of a layer from the distributions of `term`."""
    weight, bias = term.weight(), term.biases()
    for drawn in weights:
        if drawn.weight:
            tensor = module.get_parameter(drawn.weight)
            part = tensor if drawn.rows is None else tensor.detach()[slice(*drawn.rows)]
            getattr(nn.init, weight.function)(part, **weight.values(drawn.fan_in, drawn.fan_out))
        if drawn.bias:
            getattr(nn.init, bias.function)(
                module.get_parameter(drawn.bias), **bias.values(drawn.fan_in, drawn.fan_out)
            )
