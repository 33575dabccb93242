"""Proof by a forward pass: a built module has the tensors and shapes that the graph says."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from blockdsl.codegen.tree import attributes
from blockdsl.diagnostics import ArchError, error
from blockdsl.ir import Graph, Layer
from blockdsl.ops import Shape
from blockdsl.ops.geometry import show

BATCH = 2
"""Two samples: one alone would hide a batch axis taken for another, and fails in some norms."""


def module_path(layer: Layer) -> str:
    """Where a layer's module stands in the built one, for `nn.Module.get_submodule`."""
    return ".".join(attributes(layer.path))


def check_module(graph: Graph, module: nn.Module, *, run: bool = True) -> None:
    """Hold a built module to its graph: names and shapes of its tensors and, with `run`, of all outputs.

    The forward pass runs in evaluation mode, without gradients, where the module's parameters are and
    in their type; parts that only training uses are run in training mode if the graph has any. Buffers
    (batch statistics) and the random state are left as they were.

    Raises:
        ArchError: something differs, which is a defect of an operation's declaration or its module.
    """
    for layer in graph.layers():
        if layer.id:
            _check_tensors(graph, layer, module.get_submodule(module_path(layer)))
    if run:
        _check_shapes(graph, module)


def _check_tensors(graph: Graph, layer: Layer, module: nn.Module) -> None:
    shapes = graph.input_shapes(layer)
    for kind, declared, real in (
        ("weights", layer.operation.weights(*shapes), module.named_parameters()),
        ("buffers", layer.operation.buffers(*shapes), _persistent(module).items()),
    ):
        found = {name: tuple(tensor.shape) for name, tensor in real}
        if found != declared:
            raise _mismatch(layer, f"{kind} {_shown(found)}", _shown(declared))


def _persistent(module: nn.Module) -> dict[str, Tensor]:
    parameters = {name for name, _ in module.named_parameters()}
    return {name: t for name, t in module.state_dict().items() if name not in parameters}


def _check_shapes(graph: Graph, module: nn.Module) -> None:
    seen: dict[int, tuple[Shape, ...]] = {}
    hooks = []
    for layer in graph.layers():
        if layer.id:
            leaf = module.get_submodule(module_path(layer))
            hooks.append(leaf.register_forward_hook(_recorder(seen, layer.id)))
    modes = {child: child.training for child in module.modules()}
    # Only a pass in training mode changes the batch statistics.
    statistics = [(b, b.clone()) for b in module.buffers()] if graph.auxiliaries else []
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    x = torch.zeros(BATCH, *graph.input_shape, device=like.device, dtype=like.dtype)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=_gpus(like.device)):
            _forward(graph, module.eval(), x)
            if graph.auxiliaries:
                _forward(graph, module.train(), x)
    finally:
        for hook in hooks:
            hook.remove()
        for child, mode in modes.items():
            child.training = mode
        for buffer, before in statistics:
            buffer.copy_(before)
    for layer in graph.layers():
        if layer.id and seen.get(layer.id) != layer.shapes:
            found = " and ".join(map(show, seen[layer.id])) if layer.id in seen else "nothing"
            raise _mismatch(layer, found, " and ".join(map(show, layer.shapes)))


def _forward(graph: Graph, module: nn.Module, x: Tensor) -> None:
    result = module(x)
    output, heads = result if isinstance(result, tuple) else (result, {})
    wanted = {a.name: graph.shape_of(a.value) for a in graph.auxiliaries} if module.training else {}
    found = {name: tuple(head.shape[1:]) for name, head in heads.items()}
    if tuple(output.shape[1:]) != graph.output_shape or found != wanted:
        shapes = f"{show(tuple(output.shape[1:]))} {_shown(found)}".strip()
        raise error("module", f"the network yields {shapes}, its graph says {show(graph.output_shape)}")


def _recorder(seen: dict[int, tuple[Shape, ...]], node: int) -> Any:
    def record(module: nn.Module, inputs: Any, output: Any) -> None:
        tensors = output if isinstance(output, tuple) else (output,)
        seen[node] = tuple(tuple(t.shape[1:]) for t in tensors)

    return record


def _gpus(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []


def _shown(tensors: dict[str, Shape]) -> str:
    return ", ".join(f"{name} {show(shape) or 'scalar'}" for name, shape in tensors.items()) or "none"


def _mismatch(layer: Layer, found: str, declared: str) -> ArchError:
    return error(
        "module",
        f"the module of {layer.operation} yields {found}, its declaration says {declared}",
        layer.span,
        calls=layer.call.chain() if layer.call else (),
        help=f"make the methods of its class agree with its torch module ({layer.name})",
    )
