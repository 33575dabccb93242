"""What an operation makes of shapes; the answers of a user's operation are checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blockdsl.diagnostics import exception_text
from blockdsl.ops.core import Operation, OpError
from blockdsl.ops.geometry import check_layout
from blockdsl.ops.layouts import LAYOUTS, Shape
from blockdsl.ops.registry import is_built_in, whose_mistake


def output_shapes(operation: Operation, *inputs: Shape) -> tuple[Shape, ...]:
    """The shapes of the outputs. A user's operation is asked for everything that it declares, and checked.

    Raises:
        OpError: the operation refuses its inputs, or what a user's class answers is of no use; the error
            of the class is the cause.
    """
    for index, shape in enumerate(inputs):
        if type(shape) not in operation.takes:
            sides = (index,) if len(inputs) > 1 else None
            check_layout(operation.name, operation.takes, shape, operation.takes_help, sides)
    if is_built_in(operation):
        return operation.shapes(*inputs)
    shapes: tuple[Shape, ...] = _answer(operation, "shape", operation.shapes, inputs)
    if not isinstance(shapes, tuple) or not shapes or not all(map(_is_typed, shapes)):
        raise OpError(
            f"shape() of {operation.name} returned {_without_layout(_single(shapes))}",
            help="return a shape without the batch axis, such as blockdsl.Image(64, 7, 7) or "
            "inputs[0].with_channels(64)",
        )
    for what in ("weights", "buffers"):
        tensors = _answer(operation, what, getattr(operation, what), inputs)
        if not isinstance(tensors, dict) or not all(map(_are_sizes, tensors.values())):
            raise OpError(
                f"{what}() of {operation.name} returned {tensors!r}", help='it returns {"name": (sizes), …}'
            )
    macs = _answer(operation, "macs", operation.macs, inputs)
    if not isinstance(macs, int) or isinstance(macs, bool) or macs < 0:
        raise OpError(f"macs() of {operation.name} returned {macs!r}", help="MACs are a whole number")
    _answer(operation, "window", operation.window, inputs)
    _answer(operation, "drawn", operation.drawn, inputs)
    _answer(operation, "is_identity", operation.is_identity, inputs)
    return shapes


def check_arguments(operation: Operation) -> None:
    """Let an operation refuse its arguments (raises `OpError`, also for mistakes of a user's `check`)."""
    if is_built_in(operation):
        operation.check()
    else:
        _answer(operation, "check", operation.check, ())


def _answer(operation: Operation, what: str, ask: Callable[..., Any], inputs: tuple[Shape, ...]) -> Any:
    """What a user's method answers; its own errors become ours, with the cause kept."""
    try:
        return ask(*inputs)
    except OpError:
        raise
    except Exception as failure:  # a user's code may raise anything
        raise OpError(
            f"{what}() of {operation.name} raised {exception_text(failure)}", help=whose_mistake(operation)
        ) from failure


def _single(shapes: Any) -> Any:
    """What `shape()` returned, of an operation that has one output."""
    return shapes[0] if isinstance(shapes, tuple) and len(shapes) == 1 else shapes


def _without_layout(shape: object) -> str:
    plain = ", a plain tuple without a layout" if type(shape) is tuple and _are_sizes(shape) else ""
    return f"{shape!r}{plain}"


def _is_typed(shape: object) -> bool:
    return type(shape) in LAYOUTS.values() and _are_sizes(shape)


def _are_sizes(shape: object) -> bool:
    return isinstance(shape, tuple) and all(
        isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape
    )
