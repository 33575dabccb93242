"""Numbered children of one class, one after the other, as a loop or as a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from blockdsl.export.python.fitting import MISSING, Scope
from blockdsl.export.python.structure import Part
from blockdsl.export.python.text import call

Calls = Sequence[dict[str, Any]]
"""The arguments of the children of one instance."""

CLOSE = 5e-6
"""Rates are taken to be equal up to this: a block's arguments are known as rounded text."""

FEW = 3
"""So many children are written one by one."""


def run_lines(part: Part, instances: list[Calls], scope: Scope) -> tuple[list[str], list[str], str]:
    """The lines of `__init__`, the lines of `forward` that run the children on `x`, the count as text.

    The count is empty where the children are written one by one.
    """
    first = part.first or 0
    counts = [len(i) for i in instances]
    names = list(instances[0][0])
    shapes = {n: _shape_of([[c[n] for c in i] for i in instances]) for n in names}
    same = len(set(counts)) == 1
    few = FEW if "tail" in shapes.values() or len(instances) > 1 else 2
    if same and (counts[0] <= few or "irregular" in shapes.values()):
        return _each(part, first, instances, scope)
    split = "tail" in shapes.values()
    begin = 1 if split else 0
    irregular = [n for n in names if shapes[n] != "constant"] if "irregular" in shapes.values() else []
    if irregular:
        shapes |= dict.fromkeys(irregular, "irregular")
        split, begin = False, 0
    made = [_Setting(shapes[n], n, [[c[n] for c in i] for i in instances], part, scope) for n in names]
    lines = []
    if split:
        first_call = call(part.kind, {m.name: m.at_first() for m in made}, part.defaults)
        lines.append(f"self.{part.name}{first} = {first_call}")
    count = scope.fit(counts, f"{part.name}s")
    texts = {m.name: m.in_loop(begin) for m in made}
    lists = [scope.listed(f"{m.name}s", m.rows) for m in made if m.shape == "irregular"]
    counted = "affine" in shapes.values() or irregular
    shift = 0 if counted else first
    span = _range(begin + shift, count, shift)
    number = f"i + {first}" if counted and first else "i"
    header = f"for i in {span}:"
    if irregular:
        each = irregular[0] if len(irregular) == 1 else f"({', '.join(irregular)})"
        values = lists[0] if len(lists) == 1 else f"zip({', '.join(lists)}, strict=True)"
        header = f"for i, {each} in enumerate({values}):"
    child = call(part.kind, texts, part.defaults)
    lines += [header, f'    self.add_module(f"{part.name}{{{number}}}", {child})']
    run = [
        f"for i in {_range(first, count, first)}:",
        f'    {{x}} = self.get_submodule(f"{part.name}{{i}}")({{x}})',
    ]
    return lines, run, count


def _range(begin: int, count: str, shift: int) -> str:
    end = str(int(count) + shift) if count.isdigit() else f"{count} + {shift}" if shift else count
    return f"range({begin}, {end})" if begin else f"range({end})"


def _each(part: Part, first: int, instances: list[Calls], scope: Scope) -> tuple[list[str], list[str], str]:
    lines = []
    for k in range(len(instances[0])):
        texts = {n: scope.fit([i[k][n] for i in instances], n, part.name) for n in instances[0][0]}
        lines.append(f"self.{part.name}{first + k} = {call(part.kind, texts, part.defaults)}")
    return lines, [], ""


def _shape_of(rows: list[list[Any]]) -> str:
    """How a setting goes along the run, in every instance."""
    if all(v == r[0] for r in rows for v in r):
        return "constant"
    if all(v == r[1] for r in rows for v in r[2:]):
        return "tail"
    long = [r for r in rows if len(r) > 1]
    if all(isinstance(v, int | float) and not isinstance(v, bool) for r in rows for v in r) and all(
        map(_straight, long)
    ):
        if all(isinstance(v, int) for r in rows for v in r):
            return "affine"
        if len({_slope(r) for r in long}) == 1 and all(_starts(r, _slope(long[0])) is not None for r in rows):
            return "affine"
    return "irregular"


def _straight(row: list[Any]) -> bool:
    return all(abs(v - (row[0] + i * (row[1] - row[0]))) < CLOSE for i, v in enumerate(row))


def _slope(row: list[Any]) -> Fraction:
    return Fraction((row[-1] - row[0]) / (len(row) - 1)).limit_denominator(2000)


def _starts(row: list[Any], slope: Fraction) -> int | None:
    """How many steps from 0 a row begins."""
    steps = row[0] / float(slope) if slope else 0.5
    fits = all(abs((round(steps) + i) * slope - v) < CLOSE for i, v in enumerate(row))
    return round(steps) if fits and slope else None


@dataclass
class _Setting:
    """One argument of the children of a run: its values in each instance, and how they go along."""

    shape: str
    name: str
    rows: list[list[Any]]
    part: Part
    scope: Scope

    def at_first(self) -> str:
        """The expression for the first child, where that is written by itself."""
        if self.shape == "affine" and not self._whole():
            return self._steps("")
        return self.scope.fit([r[0] for r in self.rows], self.name, self.part.name)

    def in_loop(self, begin: int) -> str:
        """The expression for the others, `i` counting all from 0."""
        if self.shape == "irregular":
            return self.name
        if self.shape != "affine":
            row = [r[begin] if len(r) > begin else MISSING for r in self.rows]
            return self.scope.fit(row, self.name, self.part.name)
        if not self._whole():
            return self._steps("i")
        start = self.scope.fit([r[0] for r in self.rows], self.name, self.part.name)
        steps = [r[1] - r[0] if len(r) > 1 else MISSING for r in self.rows]
        step = self.scope.fit(
            steps, "channels" if self.name.startswith("in_") else f"{self.name}_step", self.part.name
        )
        if step == "1":
            return f"{start} + i"
        return f"{start} + {step} * i" if step.isdigit() else f"{start} + i * {step}"

    def _whole(self) -> bool:
        return all(isinstance(v, int) for r in self.rows for v in r)

    def _steps(self, index: str) -> str:
        slope = _slope(next(r for r in self.rows if len(r) > 1))
        start = self.scope.fit([_starts(r, slope) for r in self.rows], "first")
        at = f"({start} + {index})" if index and start != "0" else index or start
        factor = "" if slope.numerator == 1 else f"{slope.numerator} * "
        return f"{factor}{at} / {slope.denominator}"
