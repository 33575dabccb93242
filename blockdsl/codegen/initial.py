"""How trainable tensors start: the `init` terms of a recipe, applied to convolutions and linear maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from blockdsl.codegen.layers.conv import TableConv2d
from blockdsl.codegen.layers.sequence import SelfAttention
from blockdsl.diagnostics import did_you_mean, error
from blockdsl.ir import Graph, Layer, path_text
from blockdsl.recipe import initial
from blockdsl.recipe.term import Term

WEIGHTED = frozenset({"CONV", "DWCONV", "DECONV", "UP", "FC", "ATTENTION"})
"""The operations whose weights an `init` term sets; all others begin as their modules do."""


class Uninitialised(TorchFunctionMode):
    """Leave the functions of `torch.nn.init` undone, so that weights are drawn once and not twice."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def term_for(layer: Layer, terms: Iterable[Term]) -> Term:
    """The last term that has no `at`, or whose `at` names the layer or a block around it."""
    found: Term = initial.He()
    for term in terms:
        at: tuple[str, ...] = getattr(term, "at", ())
        if not at or not _names(layer).isdisjoint(at):
            found = term
    return found


def check_terms(graph: Graph, terms: Iterable[Term]) -> None:
    """Refuse names in `at` that no layer and no block has (raises `ArchError`)."""
    wanted = {name for term in terms for name in getattr(term, "at", ())}
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


@torch.no_grad()
def initialise(module: nn.Module, term: Term) -> None:
    """Draw the weights of a convolution, linear map or attention, and set its biases."""
    if isinstance(module, TableConv2d):
        fan_out = module.weight.numel() / module.in_channels
        for planes in module.planes():
            _fill(planes, term, planes.numel(), fan_out)
        _bias(module.bias, term)
    elif isinstance(module, SelfAttention):
        _both(module.in_proj_weight, module.in_proj_bias, term)
        _both(module.out_proj.weight, module.out_proj.bias, term)
    elif isinstance(module, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
        _both(module.weight, module.bias, term, isinstance(module, nn.ConvTranspose2d))
    else:
        raise TypeError(f"{type(module).__name__} has no weights to initialise")


def _both(weight: Tensor, bias: Tensor | None, term: Term, transposed: bool = False) -> None:
    positions = weight[0, 0].numel()
    fan_in, fan_out = weight.shape[1] * positions, weight.shape[0] * positions
    if transposed:
        fan_in, fan_out = fan_out, fan_in
    _fill(weight, term, fan_in, fan_out)
    _bias(bias, term)


def _fill(weight: Tensor, term: Term, fan_in: float, fan_out: float) -> None:
    match term:
        case initial.He():
            _spread(weight, (2 / (fan_out if term.mode == "fan_out" else fan_in)) ** 0.5, term.uniform)
        case initial.Xavier():
            _spread(weight, (2 / (fan_in + fan_out)) ** 0.5, term.uniform)
        case initial.Lecun():
            limit = term.limit / (fan_in**0.5 if term.root else fan_in)
            weight.uniform_(-limit, limit)
        case initial.Normal():
            weight.normal_(std=term.std)
        case initial.TruncatedNormal():
            nn.init.trunc_normal_(weight, std=term.std, a=-2 * term.std, b=2 * term.std)
        case initial.Uniform():
            weight.uniform_(-term.limit, term.limit)
        case _:
            raise TypeError(f"no rule to start weights by {term}")


def _spread(weight: Tensor, std: float, uniform: bool) -> None:
    if uniform:
        weight.uniform_(-(3**0.5) * std, 3**0.5 * std)
    else:
        weight.normal_(std=std)


def _bias(bias: Tensor | None, term: Term) -> None:
    if bias is None:
        return
    if isinstance(term, initial.Uniform):
        bias.uniform_(-term.limit, term.limit)
    elif isinstance(term, initial.Normal) and term.bias_std:
        bias.normal_(term.bias, term.bias_std)
    else:
        bias.fill_(getattr(term, "bias", 0.0))
