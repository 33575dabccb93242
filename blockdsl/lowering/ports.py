"""The inputs and outputs of a file's network: their names, layouts and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from blockdsl.diagnostics import ArchError, did_you_mean, error
from blockdsl.ir import Auxiliary, Port
from blockdsl.lowering.calls import free_name
from blockdsl.lowering.context import Context
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.values import Tensors, shown
from blockdsl.ops.layouts import LAYOUTS, InputSizes, Shape, Sizes, read_sizes, wrong_count
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

MAX_SIZE = 1_000_000
"""A larger size of an input is a mistake."""

_FORMS = "3x224x224 is an image, 197x768 are tokens, 784 is a vector; others have a word: signal 1x16000"


class NetInput(NamedTuple):
    """An input of the net: its name, or None; its shape; where it is stated, if it is."""

    name: str | None
    shape: Shape
    span: Span | None


def input_lines(file: nodes.File) -> list[nodes.Input]:
    """The `input` lines of a file.

    Raises:
        ArchError: there are several, and not all have names of their own.
    """
    lines = [s for s in file.statements if isinstance(s, nodes.Input)]
    named = [line for line in lines if line.name is not None]
    if len(lines) > 1 and len(named) < len(lines):
        unnamed = next(line for line in lines if line.name is None)
        if not named:
            raise error(
                "file", "a second input", lines[1].span, lines[0].span,
                help="several inputs have names: input image = 3x64x64",
            )  # fmt: skip
        raise error(
            "file", "this input has no name, others have", unnamed.span, named[0].span,
            help=f"name it too: input name = {unnamed.shape.span.text}",
        )  # fmt: skip
    places: dict[str | None, Span] = {}
    for line in named:
        if line.name in places:
            raise error("name", f"a second input named {line.name}", line.span, places[line.name])
        places[line.name] = line.span
    return lines


def net_inputs(
    evaluator: ExpressionEvaluator,
    lines: list[nodes.Input],
    context: Context,
    given: InputSizes | None,
    nowhere: Span,
) -> list[NetInput]:
    """The inputs of a net, in their order.

    Args:
        evaluator: evaluates the sizes.
        lines: the `input` lines.
        context: of the file's top.
        given: shapes in place of those in the lines.
        nowhere: the place of an error about a line that is missing.

    Raises:
        ArchError: a shape is missing or is none, or what is given has another name.
    """
    by_name = _by_name(lines, given)
    if not lines and not by_name:
        raise error(
            "input", "the shape of the input is not known", nowhere,
            help="add a line such as `input 3x224x224`, "
            "or give --input 3x224x224, in Python input=(3, 224, 224)",
        )  # fmt: skip
    if not lines:
        return [NetInput(name, _checked(sizes, "", None), None) for name, sizes in by_name.items()]
    found: list[NetInput] = []
    for line in lines:
        if line.name is not None:
            free_name(line.name, line.span, context)
        if line.layout and line.layout not in LAYOUTS:
            raise error(
                "input", f"{line.layout} is no layout", line.span,
                help=did_you_mean(line.layout, LAYOUTS, "the layouts are " + ", ".join(LAYOUTS)),
            )  # fmt: skip
        if line.name in by_name:
            shape = _checked(by_name[line.name], line.layout, None)
        else:
            sizes = evaluator.evaluate(line.shape, context)
            sizes = sizes if isinstance(sizes, tuple) else (sizes,)
            shape = _checked(sizes, line.layout, line.shape.span)  # type: ignore[arg-type]
        found.append(NetInput(line.name, shape, line.span))
    return found


def _by_name(lines: list[nodes.Input], given: InputSizes | None) -> dict[str | None, Sizes]:
    """What was given, by the names of the inputs; None is that of an input without one."""
    if given is None:
        return {}
    names = [line.name for line in lines]
    if not isinstance(given, Mapping):
        if len(names) > 1:
            first = names[0]
            raise error(
                "input", f"one shape was given, and the network has {len(names)} inputs: {_listed(names)}",
                help=f"give it by name: --input {first}=3x64x64, in Python input={{'{first}': (3, 64, 64)}}",
            )  # fmt: skip
        return {names[0] if names else None: given}
    for name in given:
        if lines and name not in names:
            has = "its one input has no name: --input 3x64x64, in Python input=(3, 64, 64)"
            has = f"it has {_listed(names)}" if names[0] else has
            help = did_you_mean(name, [n for n in names if n], has)
            raise error("input", f"the network has no input {name}", help=help)
    return dict(given.items())


def _listed(names: list[str | None]) -> str:
    return ", ".join(name or "x" for name in names)


def _checked(sizes: Sizes, layout: str, place: Span | None) -> Shape:
    """Sizes as a shape; those without a layout have that of the line, where it has so many sizes."""
    if isinstance(sizes, str):
        raise error(
            "input", f"a shape is a tuple of sizes in Python, not {shown(sizes)}",
            help="input=(3, 224, 224), or with a layout: input=blockdsl.ops.Signal(1, 16000)",
        )  # fmt: skip
    if isinstance(sizes, Shape) and not (sizes.word == "" and layout):
        shape: Sizes = sizes
    else:
        shape = tuple(sizes)
    for size in shape:
        if isinstance(size, bool) or not isinstance(size, int) or not 0 < size < MAX_SIZE:
            raise error(
                "input", f"a size of the input is a whole number, 1 or more, not {shown(size)}", place
            )
    if isinstance(shape, Shape):
        return shape
    if layout and (wrong := wrong_count(layout, shape)):
        raise error("input", wrong[0], place, help=f"{wrong[1]}; the batch is no part of it")
    try:
        return read_sizes(shape, layout)
    except TypeError:
        raise error(
            "input", f"an input has one to four sizes, not {len(shape)}", place,
            help=f"{_FORMS}; the batch is no part of it",
        ) from None  # fmt: skip


def output_ports(result: Tensors, auxiliaries: list[Auxiliary], span: Span) -> tuple[Port, ...]:
    """The outputs of a net that yields these tensors.

    Raises:
        ArchError: two have the same name, or there is none.
    """
    if len(result.values) == 1:
        return (Port("y", result.values[0]),)
    if not result.values:
        raise error("shape", "the network yields no tensor", span)
    labels = result.labels or ("",) * len(result.values)
    names = [label or f"output{index}" for index, label in enumerate(labels, 1)]
    sides = result.sides or (span,) * len(names)
    for index, name in enumerate(names):
        if name in names[:index]:
            first = sides[names.index(name)]
            raise _twice(name, sides[index], first if first != sides[index] else None)
        if any(name == head.name for head in auxiliaries):
            raise _twice(name, sides[index], None, " and an auxiliary output")
    return tuple(Port(name, value) for name, value in zip(names, result.values, strict=True))


def _twice(name: str, place: Span, first: Span | None, other: str = "") -> ArchError:
    what = f"an output{other} are both named {name}" if other else f"two outputs are named {name}"
    return error("name", what, place, first, help="an output has the name of its label: [small:A, large:B]")
