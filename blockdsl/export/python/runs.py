"""Numbered children of one class, one after the other, as a loop or as a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from blockdsl.export.python.fitting import MISSING, Scope
from blockdsl.export.python.structure import Part
from blockdsl.export.python.text import call

Calls = Sequence[dict[str, Any]]
"""The arguments of the children of one instance."""

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
    lines = []
    if split:
        texts = {n: scope.fit([i[0][n] for i in instances], n, part.name) for n in names}
        lines.append(f"self.{part.name}{first} = {call(part.kind, texts, part.defaults)}")
    count = scope.fit(counts, f"{part.name}s")
    texts, lists = {}, list[str]()
    for n in names:
        rows = [[c[n] for c in i] for i in instances]
        if shapes[n] == "affine":
            texts[n] = _affine(rows, n, part, scope)
        elif shapes[n] == "irregular":
            texts[n] = n
            lists.append(scope.listed(f"{n}s", rows))
        else:
            texts[n] = scope.fit([r[begin] if len(r) > begin else MISSING for r in rows], n, part.name)
    counted = "affine" in shapes.values() or irregular
    shift = 0 if counted else first
    span = _range(begin + shift, count, shift)
    number = f"i + {first}" if counted and first else "i"
    header = f"for i in {span}:"
    if irregular:
        each = irregular[0] if len(irregular) == 1 else f"({', '.join(irregular)})"
        values = lists[0] if len(lists) == 1 else f"zip({', '.join(lists)}, strict=True)"
        header = f"for i, {each} in enumerate({values}):"
    made = call(part.kind, texts, part.defaults)
    lines += [header, f'    self.add_module(f"{part.name}{{{number}}}", {made})']
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
    return all(abs(v - (row[0] + i * (row[1] - row[0]))) < 1e-12 for i, v in enumerate(row))


def _slope(row: list[Any]) -> Fraction:
    return Fraction((row[-1] - row[0]) / (len(row) - 1)).limit_denominator(100_000)


def _starts(row: list[Any], slope: Fraction) -> int | None:
    """How many steps from 0 a row begins."""
    steps = row[0] / float(slope) if slope else 0.5
    return round(steps) if abs(steps - round(steps)) < 1e-9 else None


def _affine(rows: list[list[Any]], name: str, part: Part, scope: Scope) -> str:
    if all(isinstance(v, int) for r in rows for v in r):
        start = scope.fit([r[0] for r in rows], name, part.name)
        step = scope.fit([r[1] - r[0] if len(r) > 1 else MISSING for r in rows], f"{name}_step", part.name)
        return (
            f"{start} + i"
            if step == "1"
            else f"{start} + {step} * i"
            if step.isdigit()
            else f"{start} + i * {step}"
        )
    slope = _slope(next(r for r in rows if len(r) > 1))
    start = scope.fit([_starts(r, slope) for r in rows], "first")
    index = "i" if start == "0" else f"({start} + i)"
    factor = "" if slope.numerator == 1 else f"{slope.numerator} * "
    return f"{factor}{index} / {slope.denominator}"
