"""`check` lines: what a file says of itself, held against what is counted."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from blockdsl.analysis.summary import Summary, summarise
from blockdsl.diagnostics import Errors, Mark, error
from blockdsl.formatting import shape_text
from blockdsl.lowering import Program
from blockdsl.ops import Shape
from blockdsl.ops.layouts import read_sizes, wrong_count
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare
from blockdsl.syntax.traversal import walk

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


IN_BYTES = ("memory", "memory_training", "weights", "activations")
"""The figures that are bytes."""


def figures(program: Program, summary: Summary) -> dict[str, object]:
    """The names that `check` and `require` know, beside those of the file.

    Counts are whole numbers, memory is in bytes for one sample, shapes are without the batch axis:
    `params`, `params_aux`, `macs`, `layers`, `depth`, `memory` (inference), `memory_training`,
    `weights`, `activations`, `input`, `output`, and `shape(point)`; the shape of a vector is a number.
    `input` and `output` are missing where there are several.
    """
    memory = summary.memory
    return {
        "params": summary.params,
        "params_aux": summary.params_aux,
        "macs": summary.macs,
        "layers": len(summary.layers),
        "depth": summary.depth,
        "memory": memory.inference,
        "memory_training": memory.training,
        "weights": memory.weights,
        "activations": memory.activations,
        **_shapes(program, _size),
    }


def _shapes(program: Program, shown: Callable[[Shape], object]) -> dict[str, object]:
    """The names that stand for shapes, each as `shown` has it."""
    graph = program.graph
    ports = {"input": graph.inputs, "output": graph.outputs}
    return {
        **{name: shown(graph.shape_of(one[0].value)) for name, one in ports.items() if len(one) == 1},
        "shape": lambda point: shown(graph.shape_of(program.point(point))),
    }


def _size(shape: Shape) -> int | Shape:
    return shape[0] if len(shape) == 1 else shape


def run_checks(program: Program, summary: Summary | None = None) -> int:
    """Evaluate every `check` line; the number of them.

    Raises:
        ArchError: checks do not hold; each message has what is so and what the file says.
    """
    names = figures(program, summary or summarise(program.graph))
    errors = Errors()
    for check in program.checks:
        with errors.gathering():
            _refuse_double_meaning(program, check, names)
            refuse_several(program, check.condition)
            for condition in _conditions(check.condition):
                with errors.gathering():
                    _hold(program, condition, names)
    errors.raise_found()
    return len(program.checks)


def _refuse_double_meaning(program: Program, check: nodes.Check, names: dict[str, object]) -> None:
    """A name that is a figure and a parameter of the file would mean one of them in silence."""
    for node in walk(check.condition):
        if isinstance(node, nodes.Path) and node.steps[0].name in names.keys() & program.params.keys():
            name = node.steps[0].name
            raise error(
                "name",
                f"{name} is a figure of the network and a param of the file",
                node.span,
                help=f"give the param another name, such as {name}_",
            )


def refuse_several(program: Program, condition: nodes.Expr) -> None:
    """Refuse a condition on the `input` or `output` of a network that has several.

    Raises:
        ArchError: the message says what to write.
    """
    ports = {"input": program.graph.inputs, "output": program.graph.outputs}
    several = {name: found for name, found in ports.items() if len(found) > 1 and name not in program.params}
    for node in walk(condition) if several else ():
        name = node.steps[0].name if isinstance(node, nodes.Path) else ""
        if found := several.get(name, ()):
            names = ", ".join(port.name for port in found)
            points = (port.name for port in found if port.name in program.graph.points)
            raise error(
                "name",
                f"the network has {len(found)} {name}s: {names}",
                node.span,
                help=f"name the point where one of them is: shape({next(points, 'conv[1]')})",
            )


def _conditions(condition: nodes.Expr) -> Iterator[nodes.Expr]:
    """The parts of `a and b`, each to be held by itself."""
    if isinstance(condition, nodes.Group):
        yield from _conditions(condition.body)
    elif isinstance(condition, nodes.Binary) and condition.op == "and":
        yield from _conditions(condition.left)
        yield from _conditions(condition.right)
    else:
        yield condition


def _hold(program: Program, condition: nodes.Expr, names: dict[str, object]) -> None:
    if not isinstance(condition, nodes.Binary) or condition.op not in COMPARISONS:
        value = program.evaluate(condition, names)
        if not isinstance(value, bool):
            raise error(
                "value",
                f"a check is a condition, this is {_shown(value)}",
                condition.span,
                help=f"compare it: {condition.span.text} == {_shown(value)}",
            )
        if not value:
            raise error("check", "the check does not hold", Mark(condition.span))
        return
    typed = _typed(condition.left), _typed(condition.right)
    if any(typed):  # that of a vector is a shape then, and no number
        names = {**names, **_shapes(program, lambda shape: shape)}
    actual = typed[0] or program.evaluate(condition.left, names)
    stated = typed[1] or program.evaluate(condition.right, names)
    shown = _with_layout if any(typed) else _shown
    sides = Mark(condition.left.span, shown(actual)), Mark(condition.right.span, shown(stated))
    if condition.op not in ("==", "!=") and not (_is_number(actual) and _is_number(stated)):
        raise error(
            "value",
            f"{condition.op} compares numbers, not {_shown(actual)} and {_shown(stated)}",
            *sides,
            help="== and != compare shapes",
        )
    holds = COMPARISONS[condition.op](actual, stated)
    if any(typed) and type(actual) is not type(stated):  # the sizes may agree
        holds = condition.op == "!="
    if holds:
        return
    raise error(
        "check",
        f"{condition.left.span.text} is {shown(actual)}, not {_WORDS[condition.op]}{shown(stated)}",
        *sides,
        help="correct the network, or the check",
    )


def _typed(expr: nodes.Expr) -> Shape | None:
    """A shape that is written with its layout."""
    written = bare(expr)
    if not isinstance(written, nodes.Dims) or not written.layout:
        return None
    if wrong := wrong_count(written.layout, written.values):
        raise error("value", wrong[0], written.span, help=f"{wrong[1]}; the batch is no part of it")
    return read_sizes(written.values, written.layout)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_WORDS = {"==": "", "!=": "other than ", "<=": "at most ", ">=": "at least ", "<": "below ", ">": "above "}


def _with_layout(value: object) -> str:
    return f"{value.layout} {shape_text(value, word=False)}" if isinstance(value, Shape) else _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple):
        return shape_text(value)
    return str(value)
