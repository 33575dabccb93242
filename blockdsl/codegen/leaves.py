"""The modules of layers, initialised; what stands there many times is constructed once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from blockdsl.codegen.construct import module_of, spec_of
from blockdsl.codegen.initial import Uninitialised, initialise, term_for
from blockdsl.diagnostics import error
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph, Layer, path_text
from blockdsl.ops import Operation, Shape
from blockdsl.ops.core import Drawn
from blockdsl.recipe.initial import InitTerm
from blockdsl.speedups import copied


@torch.no_grad()
def leaves_of(graph: Graph, terms: Sequence[InitTerm], device: torch.device) -> dict[int, nn.Module]:
    """The modules of the layers, initialised as `terms` say; of a shared one by the id of its first layer.

    Weights are drawn layer after layer on `device`; on "meta" nothing is drawn.

    Raises:
        ArchError: a module cannot be made, or a shared one would be another one where it is applied again.
    """
    firsts: dict[tuple[Operation, tuple[Shape, ...]], nn.Module] = {}
    leaves: dict[int, nn.Module] = {}
    with _on(device):
        for layer in graph.layers():
            if layer.is_input:
                continue
            owner = graph.owner(layer)
            if owner is not layer:
                _check_same(graph, layer, owner)
                continue
            key = layer.operation, graph.input_shapes(layer)
            first = firsts.get(key)
            drawn = layer.operation.drawn(*key[1])
            if first is None:
                leaf = _constructed(*key, drawn)
                if _can_be_copied(layer.operation, leaf, drawn):
                    firsts[key] = leaf
            else:
                leaf = twin(first)
            if drawn and device.type != "meta":
                initialise(leaf, drawn, term_for(graph, layer, terms))
            leaves[layer.id] = leaf
    return leaves


def _check_same(graph: Graph, layer: Layer, first: Layer) -> None:
    """Refuse a shared layer whose module depends on the sizes of its input, where these differ."""
    one, two = graph.input_shapes(first), graph.input_shapes(layer)
    operation = layer.operation
    if one != two and spec_of(operation, *one) != spec_of(operation, *two):
        places = (
            f"{path_text(place.path)} takes {' and '.join(map(shape_text, shapes))}"
            for place, shapes in ((first, one), (layer, two))
        )
        raise error(
            "shape",
            f"{operation} depends on the size of its input and cannot be shared: {', '.join(places)}",
            layer.span,
            *([first.span] if first.span != layer.span else []),
            calls=layer.calls,
            help=f"put {operation.name} outside of the shared network",
        )


def twin(module: nn.Module) -> nn.Module:
    """A module like one without children, with copies of its tensors; its constructor takes longer."""
    other = copied(module, **{key: v.copy() for key, v in vars(module).items() if isinstance(v, dict)})
    own = vars(other)
    for name, tensor in module._parameters.items():
        if tensor is not None:
            own["_parameters"][name] = nn.Parameter(tensor.detach().clone(), tensor.requires_grad)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            own["_buffers"][name] = buffer.clone()
    return other


def _on(device: torch.device) -> AbstractContextManager[object]:
    """Where new tensors are; the mode that says so slows each call, and is left out where it says nothing."""
    return nullcontext() if torch.get_default_device() == device else device


def _constructed(operation: Operation, shapes: tuple[Shape, ...], drawn: Sequence[Drawn]) -> nn.Module:
    """The module; what it would draw by itself is left out where `init` draws all of its weights."""
    names = {name for d in drawn for name in (d.weight, d.bias)}
    all_drawn = bool(drawn) and names.issuperset(operation.weights(*shapes))
    undrawn: AbstractContextManager[object] = Uninitialised() if all_drawn else nullcontext()
    with undrawn:
        return module_of(operation, *shapes)


def _can_be_copied(operation: Operation, module: nn.Module, drawn: Sequence[Drawn]) -> bool:
    """Whether a twin is as good as a new module.

    It is a single module of PyTorch's or ours, which hold plain values only, with nothing drawn that stays.
    """
    if module._modules or not type(module).__module__.startswith(("torch.", "blockdsl.")):
        return False
    return bool(drawn) or operation.starts_constant or not (module._parameters or module._buffers)
