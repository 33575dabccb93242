"""`net.pt2` and `net.onnx`: the network traced by PyTorch, for any batch size."""

from __future__ import annotations

import inspect
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from keyword import iskeyword
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from blockdsl.codegen import example, module_path
from blockdsl.diagnostics import ArchError, error
from blockdsl.ir import Graph, Layer
from blockdsl.ops.tie import tie_of

FAILURES = (RuntimeError, TypeError, ValueError, AttributeError, KeyError)
"""What tracing raises for something that it cannot express."""

_TRACED = frozenset({"self", "torch", "device", "inf", "nan", "NoneType", "pytree", "fx_pytree"})
"""What the text of a traced function means something else by."""

_COLOUR = re.compile(r"\x1b\[[\d;]*m")

Trace = Callable[[nn.Module, tuple[Tensor, ...]], Any]


def write_pt2(graph: Graph, module: nn.Module, path: Path) -> None:
    """Write what `torch.export.load(path).module()` runs: (N, *shape) of each input -> (N, *shape).

    It takes the inputs by position, under their names in the graph, and returns a tensor, or a tuple of
    several. In evaluation mode: dropout is off and auxiliary heads are left out.

    Raises:
        ArchError: an operation cannot be traced; it is named with its place.
    """
    program = _traced(graph, module, "pt2", _export)
    # Written in memory first: where a file cannot be written, as on a full disk, PyTorch ends the process.
    content = io.BytesIO()
    torch.export.save(program, content)
    path.write_bytes(content.getbuffer())


def write_onnx(graph: Graph, module: nn.Module, path: Path) -> None:
    """Write the network as one ONNX file with its inputs and outputs under their names, for any batch size.

    An input without a name of its own is `x`, an output `y`. In evaluation mode, as `write_pt2`.

    Raises:
        ArchError: ONNX has no words for an operation, which is named with its place; or an input and an
            output have one name.
    """
    inputs, outputs = ([port.name for port in ports] for ports in (graph.inputs, graph.outputs))
    if both := next((name for name in outputs if name in inputs), None):
        raise error(
            "output",
            f"cannot write the network as onnx: an input and an output are called {both}",
            help="give one of them another name; in ONNX each name is of one tensor",
        )
    program = _traced(graph, module, "onnx", _convert)
    _name(program.model.graph, inputs, outputs)
    program.save(path, external_data=False)


def _export(module: nn.Module, inputs: tuple[Tensor, ...]) -> torch.export.ExportedProgram:
    return torch.export.export(module, inputs, dynamic_shapes=_any_batch(inputs), strict=False)


def _convert(module: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
    from blockdsl.export.onnx_functions import onnx_functions  # the extra blockdsl[onnx]

    return torch.onnx.export(
        module,
        inputs,
        dynamo=True,
        verbose=False,
        dynamic_shapes=_any_batch(inputs),
        custom_translation_table=onnx_functions(),
    )


def _name(graph: Any, inputs: list[str], outputs: list[str]) -> None:
    """Give an ONNX graph's inputs and outputs their names, and other names to what has these inside."""
    ports = [*zip(graph.inputs, inputs, strict=True), *zip(graph.outputs, outputs, strict=True)]
    inner = [*graph.initializers.values(), *(value for node in graph for value in node.outputs)]
    taken = {*inputs, *outputs}
    names = taken | {value.name for value in inner}
    for value in inner:
        if value.name in taken and all(value is not port for port, _ in ports):
            value.name = next(name for i in count(2) if (name := f"{value.name}_{i}") not in names)
            names.add(value.name)
    for port, name in ports:
        port.name = name


def _any_batch(inputs: tuple[Tensor, ...]) -> tuple[dict[int, Any], ...]:
    """One batch size, which may be any, for all inputs."""
    batch = torch.export.Dim("batch")
    return tuple({0: batch} for _ in inputs)


def _traced(graph: Graph, module: nn.Module, kind: str, trace: Trace) -> Any:
    inputs = tuple(example(graph.shape_of(port.value), module) for port in graph.inputs)
    with _quietly(module):
        try:
            with _parameters_named(module, [port.name for port in graph.inputs]):
                return trace(module, inputs)
        except FAILURES as reason:
            failure = reason
        raise _blamed(graph, module, kind, trace) or error(
            "output", f"cannot write the network as {kind}: {_first_line(failure)}"
        )


@contextmanager
def _parameters_named(module: nn.Module, names: list[str]) -> Iterator[None]:
    """Let `forward` say its parameters by name: what is traced has them from its signature."""
    run = module.forward

    def forward(*inputs: Tensor) -> Any:
        return run(*inputs)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(_legal(name, names), kind) for name in names]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    vars(module)["forward"] = forward
    try:
        yield
    finally:
        del vars(module)["forward"]


def _legal(name: str, names: list[str]) -> str:
    """A name for a parameter of the traced function, beside others: `from_` for `from`."""
    if iskeyword(name) or name in _TRACED:
        name = f"{name}_"
        while name in names:
            name = f"{name}_"
    return name


def _blamed(graph: Graph, module: nn.Module, kind: str, trace: Trace) -> ArchError | None:
    """The error of the first layer that cannot be traced by itself."""
    seen: set[tuple[Any, ...]] = set()
    for layer in graph.layers():
        shapes = graph.input_shapes(layer)
        if layer.is_input or layer.training_only or (layer.operation, shapes) in seen:
            continue
        if tie_of(layer.operation):  # it takes another module with its input
            continue
        seen.add((layer.operation, shapes))
        part = module.get_submodule(module_path(graph, layer))
        try:
            trace(part, tuple(example(shape, module) for shape in shapes))
        except FAILURES as reason:
            return _cannot(layer, kind, reason)
    return None


def _cannot(layer: Layer, kind: str, reason: BaseException) -> ArchError:
    return error(
        "output",
        f"{layer.operation.name} cannot be written as {kind}: {_first_line(reason)}",
        layer.span,
        calls=layer.calls,
        help="net.safetensors and net.json take every operation",
    )


def _first_line(reason: BaseException) -> str:
    """What went wrong at the bottom of it: exporters wrap their errors in advice, and colour it."""
    while reason.__cause__ is not None:
        reason = reason.__cause__
    lines = [_COLOUR.sub("", line).strip() for line in str(reason).splitlines()]
    return next(filter(None, lines), type(reason).__name__)


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
