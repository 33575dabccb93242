"""Proof by a forward pass: a built module has the tensors and shapes that the graph says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from blockdsl.codegen.build import build
from blockdsl.codegen.names import module_path
from blockdsl.diagnostics import ArchError, error
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph, Layer
from blockdsl.ops import Ids, Shape, Sizes

BATCH = 2
"""Two samples: one alone would hide a batch axis taken for another, and fails in some norms."""


def example(shape: Shape, module: nn.Module) -> Tensor:
    """A batch of zeros for a module, where its parameters are and in their type; ids are whole numbers."""
    like = _like(module)
    dtype = torch.long if isinstance(shape, Ids) else like.dtype
    return torch.zeros(BATCH, *shape, device=like.device, dtype=dtype)


def check_module(graph: Graph, module: nn.Module, *, run: bool = True) -> None:
    """Hold a built module to its graph: names and shapes of its tensors and, with `run`, of all outputs.

    The forward pass runs in evaluation mode, without gradients, where the module's parameters are and
    in their type, and once more in training mode if the graph has parts that only training uses.
    Modes, buffers (batch statistics) and the random state are left as they were.

    Raises:
        ArchError: a module differs from what its operation declares, or fails; it names the layer.
    """
    for layer in _layers(graph):
        _check_tensors(graph, layer, module.get_submodule(module_path(graph, layer)))
    if run:
        with torch.no_grad(), _unchanged(module):
            _run(graph, module.eval())
            if graph.auxiliaries:
                _run(graph, module.train())


def check_belongs(graph: Graph, module: nn.Module) -> None:
    """Refuse a module that has other tensors than that of a graph.

    Raises:
        ArchError: a tensor is missing, is one too many, or has another size.
    """
    own = {name: tuple(t.shape) for name, t in build(graph, device="meta").state_dict().items()}
    theirs = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    for name in [*own, *theirs]:
        if own.get(name) != theirs.get(name):
            sizes = [shapes.get(name, "no such tensor") for shapes in (own, theirs)]
            raise error(
                "weights",
                f"the module is not this network's: {name} is {sizes[0]} in the network, {sizes[1]} in it",
                help="give what net.module() made; of a wrapped module the one inside",
            )


def _layers(graph: Graph) -> Iterator[Layer]:
    return (layer for layer in graph.layers() if not layer.is_input)


def _check_tensors(graph: Graph, layer: Layer, module: nn.Module) -> None:
    shapes = graph.input_shapes(layer)
    parameters = {name: tuple(p.shape) for name, p in module.named_parameters()}
    state = {name: tuple(t.shape) for name, t in module.state_dict().items() if name not in parameters}
    for kind, found, declared in (
        ("parameters", parameters, layer.operation.weights(*shapes)),
        ("buffers", state, layer.operation.buffers(*shapes)),
    ):
        if found != declared:
            message = f"has the {kind} {_tensors(found)}, its declaration says {_tensors(declared)}"
            raise _mismatch(layer, message)


@contextmanager
def _unchanged(module: nn.Module) -> Iterator[None]:
    """Put modes, buffers and the random state back afterwards."""
    modes = [(child, child.training) for child in module.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        with torch.random.fork_rng(devices=_gpus(_like(module))):
            yield
    finally:
        for child, mode in modes:
            child.training = mode
        for buffer, before in buffers:
            buffer.copy_(before)


def _run(graph: Graph, module: nn.Module) -> None:
    """One forward pass in the module's mode, every layer's output held to the graph as it appears."""
    running: list[Layer] = []
    hooks = [
        hook
        for path, layers in _by_module(graph).items()
        for hook in _watch(module.get_submodule(path), layers, running)
    ]
    inputs = [example(graph.shape_of(port.value), module) for port in graph.inputs]
    try:
        result = module(*inputs)
    except (RuntimeError, TypeError, ValueError, IndexError) as problem:
        raise (_mismatch(running[-1], f"fails: {problem}") if running else problem) from problem
    finally:
        for hook in hooks:
            hook.remove()
    outputs, heads = result if module.training and graph.auxiliaries else (result, {})
    outputs = outputs if len(graph.outputs) > 1 else (outputs,)
    shapes = [graph.shape_of(port.value) for port in graph.outputs]
    assert [_shape(output) for output in outputs] == shapes, "the outputs are not the graph's"
    wanted = {a.name: graph.shape_of(a.value) for a in graph.auxiliaries} if module.training else {}
    found = {name: _shape(head) for name, head in heads.items()}
    assert found == wanted, "the auxiliary outputs are not the graph's"


def _by_module(graph: Graph) -> dict[str, dict[tuple[Sizes, ...], Layer]]:
    """The layers by the paths of their modules, and by the shapes of their inputs: the first of each."""
    found: dict[str, dict[tuple[Sizes, ...], Layer]] = {}
    for layer in _layers(graph):
        found.setdefault(module_path(graph, layer), {}).setdefault(graph.input_shapes(layer), layer)
    return found


def _watch(
    module: nn.Module, layers: dict[tuple[Sizes, ...], Layer], running: list[Layer]
) -> tuple[Any, Any]:
    """Hooks on the module of these layers."""
    first = next(iter(layers.values()))

    def enter(module: nn.Module, inputs: Any) -> None:
        shapes = tuple(map(_shape, inputs[: len(first.inputs)]))
        running.append(layers.get(shapes, first))

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        layer = running.pop()
        tensors = output if isinstance(output, tuple) else (output,)
        found = tuple(map(_shape, tensors))
        if found != layer.shapes:
            shapes = " and ".join(map(_size, found))
            declared = " and ".join(map(_size, layer.shapes))
            raise _mismatch(layer, f"yields {shapes}, its declaration says {declared}")

    return module.register_forward_pre_hook(enter), module.register_forward_hook(leave)


def _shape(tensor: Tensor) -> Sizes:
    return tuple(tensor.shape[1:])


def _size(shape: Sizes) -> str:
    return shape_text(shape) or "a single number"


def _tensors(shapes: Mapping[str, Sizes]) -> str:
    return ", ".join(f"{name} ({_size(shape)})" for name, shape in shapes.items()) or "none"


def _like(module: nn.Module) -> Tensor:
    """A tensor on the module's device and of its type."""
    return next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))


def _gpus(like: Tensor) -> list[torch.device]:
    return [like.device] if like.is_cuda else []


def _mismatch(layer: Layer, what: str) -> ArchError:
    return error(
        "module",
        f"the module of {layer.operation} {what}",
        layer.span,
        calls=layer.calls,
        help=f"the class that registers {layer.operation.name} and its torch module must agree",
    )
