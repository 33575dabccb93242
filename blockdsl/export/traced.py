"""`net.pt2` and `net.onnx`: the network traced by PyTorch, for any batch size."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from blockdsl.codegen import module_path
from blockdsl.diagnostics import ArchError, error
from blockdsl.ir import Graph, Layer
from blockdsl.ops import Shape

FAILURES = (RuntimeError, TypeError, ValueError, AttributeError, KeyError)
"""What tracing raises for something that it cannot express."""

_COLOUR = re.compile(r"\x1b\[[\d;]*m")

Trace = Callable[[nn.Module, tuple[Tensor, ...]], Any]


def write_pt2(graph: Graph, module: nn.Module, path: Path) -> None:
    """Write what `torch.export.load(path).module()` runs: (N, *input_shape) -> (N, *output_shape).

    In evaluation mode: dropout is off and auxiliary heads are left out.

    Raises:
        ArchError: an operation cannot be traced; it is named with its place.
    """
    program = _traced(graph, module, "pt2", _export)
    # Written in memory first: where a file cannot be written, as on a full disk, PyTorch ends the process.
    content = io.BytesIO()
    torch.export.save(program, content)
    path.write_bytes(content.getbuffer())


def write_onnx(graph: Graph, module: nn.Module, path: Path) -> None:
    """Write the network as one ONNX file with an input `x` and an output `y`, for any batch size.

    In evaluation mode, as `write_pt2`.

    Raises:
        ArchError: ONNX has no words for an operation; it is named with its place.
    """
    _traced(graph, module, "onnx", _convert).save(path, external_data=False)


def _export(module: nn.Module, inputs: tuple[Tensor, ...]) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch")
    return torch.export.export(module, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs), strict=False)


def _convert(module: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
    batch = torch.export.Dim("batch")
    return torch.onnx.export(
        module,
        inputs,
        dynamo=True,
        verbose=False,
        input_names=["x"] if len(inputs) == 1 else None,
        output_names=["y"] if len(inputs) == 1 else None,
        dynamic_shapes=tuple({0: batch} for _ in inputs),
    )


def _traced(graph: Graph, module: nn.Module, kind: str, trace: Trace) -> Any:
    with _quietly(module):
        try:
            return trace(module, (_example(module, graph.only_input(kind)),))
        except FAILURES as reason:
            failure = reason
        raise _blamed(graph, module, kind, trace) or error(
            "output", f"cannot write the network as {kind}: {_first_line(failure)}"
        )


def _blamed(graph: Graph, module: nn.Module, kind: str, trace: Trace) -> ArchError | None:
    """The error of the first layer that cannot be traced by itself."""
    seen: set[tuple[Any, ...]] = set()
    for layer in graph.layers():
        shapes = graph.input_shapes(layer)
        if layer.is_input or layer.training_only or (layer.operation, shapes) in seen:
            continue
        seen.add((layer.operation, shapes))
        part = module.get_submodule(module_path(graph, layer))
        try:
            trace(part, tuple(_example(module, shape) for shape in shapes))
        except FAILURES as reason:
            return _cannot(layer, kind, reason)
    return None


def _cannot(layer: Layer, kind: str, reason: BaseException) -> ArchError:
    return error(
        "output",
        f"{layer.operation.name} cannot be written as {kind}: {_first_line(reason)}",
        layer.span,
        calls=layer.call.chain() if layer.call else (),
        help="net.safetensors and net.json take every operation",
    )


def _first_line(reason: BaseException) -> str:
    """What went wrong at the bottom of it: exporters wrap their errors in advice, and colour it."""
    while reason.__cause__ is not None:
        reason = reason.__cause__
    lines = [_COLOUR.sub("", line).strip() for line in str(reason).splitlines()]
    return next(filter(None, lines), type(reason).__name__)


def _example(module: nn.Module, shape: Shape) -> Tensor:
    """Two samples: one alone would fix the batch size."""
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    return torch.zeros(2, *shape, dtype=like.dtype, device=like.device)


@contextmanager
def _quietly(module: nn.Module) -> Iterator[None]:
    """In evaluation mode and without gradients; what the exporters say on the way is not the user's."""
    modes = [(child, child.training) for child in module.modules()]
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    module.eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for child, mode in modes:
            child.training = mode
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
