"""Search spaces as pictures: every choice between networks is unfolded, all its options side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from blockdsl.ir import Segment, module_name, path_text
from blockdsl.lowering import Program, lower
from blockdsl.lowering.applier import Applier
from blockdsl.lowering.choices import ChoicePoint, Options
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.values import Tensors
from blockdsl.ops import InputSizes, Operation, Shape
from blockdsl.syntax import tree as nodes

_SHOWN = 3


class OneOf(Operation):
    """Where alternatives meet; of a picture, and no operation of the language."""

    name: ClassVar[str] = "ONEOF"
    word = "one of"
    family: ClassVar[str] = "join"
    inputs: ClassVar[int | None] = None

    def shape(self, *inputs: Shape) -> Shape:
        """What comes after is drawn as it follows the first option."""
        return inputs[0]


@dataclass(frozen=True)
class Unfolded:
    """A file with all its alternatives in one graph.

    `choices` has the module names of the blocks that hold alternatives, with what is chosen there.
    """

    program: Program
    choices: Mapping[str, str]

    @property
    def count(self) -> int:
        """How many choices there are, of networks and of numbers."""
        return len(self.program.decisions)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a picture of it has to say: which numbers stand for a range, and what shapes are."""
        numbers = [
            f"{path} = {_range(point)}"
            for path, (point, _) in self.program.decisions.items()
            if path not in self.choices.values()
        ]
        if not self.count:
            return ()
        more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
        drawn = ["shapes are those of the first options"] if self.choices else []
        if numbers:
            drawn.append(f"drawn at their first values: {', '.join(numbers[:_SHOWN])}{more}")
        return tuple(drawn)


def unfold(
    file: nodes.File, *, input: InputSizes | None = None, settings: Mapping[str, Any] | None = None
) -> Unfolded:
    """Lower a file with all options of its choices; a file without choices is lowered as ever.

    Raises:
        ArchError: anything is wrong with the file, or its options do not fit what comes after them.
    """
    applier = _Unfolding()
    program = lower(file, input=input, settings=settings, applier=applier)
    return Unfolded(program, applier.choices)


def _first(point: ChoicePoint) -> int | float:
    return 0 if isinstance(point.domain, Options) else point.domain.low


def _range(point: ChoicePoint) -> str:
    return " ".join(point.span.text.split())


class _Unfolding(Applier):
    """Applies every option of a choice between networks to the same tensors."""

    def __init__(self) -> None:
        super().__init__(_first)
        self.choices: dict[str, str] = {}

    def choice(self, expr: nodes.Choice, stream: Tensors, context: Context) -> Tensors:
        """Apply all options."""
        _, inner = self.decisions.option(expr.options, expr, context)
        return self._all(expr.options, expr, stream, context, inner)

    def optional(self, expr: nodes.Optional, stream: Tensors, context: Context) -> Tensors:
        """Apply what is optional, beside the identity."""
        _, inner = self.decisions.option((expr.body, "ID"), expr, context, "optional")
        return self._all((expr.body, None), expr, stream, context, inner)

    def _all(
        self,
        options: tuple[nodes.Expr | None, ...],
        expr: nodes.Expr,
        stream: Tensors,
        context: Context,
        inner: Context,
    ) -> Tensors:
        around = context.naming.next("choice")
        self.choices[module_name(around)] = path_text(inner.choosing.path)
        results = []
        for number, option in enumerate(options, 1):
            step = Segment("option", number)
            naming = Naming((*around, step))
            own = inner.but(naming=naming, choosing=Naming((*inner.choosing.path, step)), repeated=False)
            results.append(stream if option is None else self.apply(option, stream, own))
        meeting = context.but(naming=Naming(around))
        values = [
            self.builder.layer(OneOf(), tuple(alike), expr.span, meeting).values[0]
            for alike in zip(*(result.values for result in results), strict=False)
        ]
        return Tensors(tuple(values))
