"""How choices are made: each gets its path, is asked once a path, and is remembered."""

from __future__ import annotations

from blockdsl.diagnostics import already_told
from blockdsl.formatting import exact
from blockdsl.ir import Segment, path_text
from blockdsl.lowering.choices import ChoicePoint, Chooser, FloatRange, IntRange, Options, refuse
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.values import place
from blockdsl.syntax import tree as nodes

Number = int | float


class Decisions:
    """Asks a chooser, and keeps its decisions.

    Attributes:
        choose: the chooser.
        made: the choices that were reached and their values, by path.
        asked: how often a choice was reached, the same one twice included.
    """

    def __init__(self, choose: Chooser) -> None:
        self.choose = choose
        self.made: dict[str, tuple[ChoicePoint, Number]] = {}
        self.asked = 0

    def option(
        self, options: tuple[nodes.Expr | str, ...], expr: nodes.Expr, context: Context, name: str = "choice"
    ) -> tuple[int, Context]:
        """The index of the chosen option, and the context in which that option is evaluated."""
        texts = tuple(o if isinstance(o, str) else " ".join(o.span.text.split()) for o in options)
        path, index = self._ask(Options(texts), expr, context, name)
        if not isinstance(index, int) or not 0 <= index < len(options):
            raise context.error("choice", f"{path_text(path)} has no option {index}", expr.span)
        return index, context.but(choosing=Naming(path), hint="", at=None)

    def number(
        self, expr: nodes.RangeChoice, low: Number, high: Number, step: Number | None, context: Context
    ) -> Number:
        """The number chosen from a range."""
        if not low <= high:
            raise context.error("choice", f"the range {exact(low)}..{exact(high)} is empty", expr.span)
        if expr.log and low <= 0:
            raise context.error("choice", "a log range begins above 0", expr.first.span)
        if step is not None and (step <= 0 or expr.log):
            raise context.error("choice", "a step is above 0, and a log range has none", expr.span)
        domain: IntRange | FloatRange
        if isinstance(low, int) and isinstance(high, int) and isinstance(step, int | None):
            domain = IntRange(low, high, step or 1, expr.log)
        else:
            domain = FloatRange(float(low), float(high), step, expr.log)
        path, value = self._ask(domain, expr, context, "number")
        if not domain.allows(value):
            raise context.error(
                "choice",
                f"{path_text(path)} is one of {' '.join(expr.span.text.split())}, not {value}",
                expr.span,
            )
        return value

    def _ask(
        self, domain: Options | IntRange | FloatRange, expr: nodes.Expr, context: Context, name: str
    ) -> tuple[tuple[Segment, ...], Number]:
        self.asked += 1
        naming = context.choosing
        path = context.at or (naming.first_or_next(context.hint) if context.hint else naming.next(name))
        key = path_text(path)
        if key not in self.made:
            if context.errors.found and self.choose is not refuse:
                raise already_told()  # no network comes of this: nothing more is chosen for it
            point = ChoicePoint(key, domain, expr.span)
            chosen = self.choose(point)
            if isinstance(domain, FloatRange) and domain.allows(chosen):
                chosen = domain.nearest(chosen)
            self.made[key] = (point, chosen)
        context.trace.choices[place(expr.span)] = self.made[key][1]
        return path, self.made[key][1]
