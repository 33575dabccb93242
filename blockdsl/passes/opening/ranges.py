"""What the command line opens: `0.5..2`, `1..4`, `3,5`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from blockdsl.diagnostics import ArchError, error
from blockdsl.formatting import exact
from blockdsl.lowering import FloatRange
from blockdsl.source import Source
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare
from blockdsl.syntax.parser import parse

Number = int | float


@dataclass(frozen=True)
class Values:
    """A range or a list of numbers, with the option that it was given by."""

    option: str
    numbers: tuple[Number, ...]
    step: Number | None = None
    """Of a range; None for a list."""

    def written(self) -> str:
        """As a choice of the language."""
        first, last = self.numbers[0], self.numbers[-1]
        if self.step is None:
            return "{" + ", ".join(map(exact, self.numbers)) + "}"
        step = "" if self.step == 1 else f" step {exact(self.step)}"
        return "{" + f"{exact(first)}..{exact(last)}{step}" + "}"

    def decision(self, number: Number) -> Number:
        """How a chooser decides for a number: its value in a range, its place in a list."""
        if self.step is None:
            return self.numbers.index(number)
        return float(number) if isinstance(self.step, float) else number

    def without(self, refused: Collection[Number | str]) -> Values:
        """Those that are left."""
        left = tuple(number for number in self.numbers if number not in refused)
        if self.step == 1 and left == tuple(range(int(left[0]), int(left[-1]) + 1)):
            return Values(self.option, left, 1)
        return self if left == self.numbers else Values(self.option, left)

    def around(self, number: int) -> Values:
        """With a number, so that what a file has is among the choices."""
        if number in self.numbers:
            return self
        numbers = tuple(sorted({*self.numbers, number}))
        if self.step == 1:
            return Values(self.option, tuple(range(int(numbers[0]), int(numbers[-1]) + 1)), 1)
        return Values(self.option, numbers)


def multipliers(text: str) -> Values:
    """Values for `--width`: factors, in steps of a quarter unless the text says `step`.

    Raises:
        ArchError: the text is no range of such numbers, or 1 is none of them.
    """
    values = _values("--width", text, 0.25)
    if values.numbers[0] <= 0:
        raise error("argument", f"--width {text}: a width is above 0")
    if 1 not in values.numbers:
        raise error(
            "argument", f"--width {text}: 1 is not among {values.written()}",
            help="it is the file's own width, which a search begins from",
        )  # fmt: skip
    return values


def counts(option: str, text: str) -> Values:
    """Values for `--depth`, `--kernel`: whole numbers.

    Raises:
        ArchError: the text is no range of such numbers.
    """
    values = _values(option, text, 1)
    if not all(isinstance(n, int) and n >= 1 for n in values.numbers):
        raise error("argument", f"{option} {text}: these are whole numbers from 1")
    return values


def kernels(text: str) -> Values:
    """Values for `--kernel`: odd numbers, so that a pad of k//2 keeps the size.

    Raises:
        ArchError: the text is no range of such numbers.
    """
    values = counts("--kernel", text)
    if any(n % 2 == 0 for n in values.numbers):
        raise error(
            "argument", f"--kernel {text}: an even kernel changes the size of its image",
            help="name odd ones: --kernel 3,5,7",
        )  # fmt: skip
    return Values("--kernel", values.numbers)


def _values(option: str, text: str, step: Number) -> Values:
    try:
        net = parse(Source(option, f"({{{text}}})")).statements[0]
    except ArchError:
        net = None
    choice = bare(net.body.result) if isinstance(net, nodes.Net) else None
    match choice:
        case nodes.RangeChoice(_, nodes.Number(_, first), nodes.Number(_, last), written, False):
            by = written.value if isinstance(written, nodes.Number) else step
            if by > 0 and first <= last and (last - first) / by < 1000:
                count = int((last - first) / by + 1e-9)
                if all(isinstance(n, int) for n in (first, last, by)):
                    return Values(option, tuple(first + i * by for i in range(count + 1)), by)
                steps = FloatRange(float(first), float(last), by)
                return Values(option, tuple(map(steps.at, range(count + 1))), by)
        case nodes.Choice(options=options) if all(isinstance(o, nodes.Number) for o in options):
            numbers = {o.value for o in options if isinstance(o, nodes.Number)}
            return Values(option, tuple(sorted(numbers)))
    raise error(
        "argument", f"{option} {text}: this is no range of numbers",
        help=f"write {option} {'0.5..2' if option == '--width' else '1..4'}, or a list: {option} 1,2,3",
    )  # fmt: skip
