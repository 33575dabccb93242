"""From the values that a setting has in all instances of a class to the expression that explains them.

The instances are numbered; a row is one value for each of them, `MISSING` where the part that it
belongs to is not there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from blockdsl.export.python.modules import Name
from blockdsl.export.python.names import unique
from blockdsl.export.python.parameters import DEFAULTS, PLAIN, ROLES, WIDTHS, Parameter
from blockdsl.export.python.text import literal

Row = Sequence[Any]


class Missing:
    """The one value of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@dataclass
class Scope:
    """The parameters of one class, found one by one.

    `offers` are rows that have a name in the language: the channels that flow in, the block's own
    arguments. They become parameters when something needs them.
    """

    count: int
    offers: dict[str, list[Any]]
    taken: set[str] = field(default_factory=set)
    params: list[Parameter] = field(default_factory=list)

    def fit(self, row: Row, role: str, part: str = "") -> str:
        """The expression of a row; adds a parameter where nothing known explains it."""
        known = [v for v in row if v is not MISSING]
        if all(v == known[0] and type(v) is type(known[0]) for v in known):
            return self._said(known[0], role) or literal(known[0])
        return self.explained(row, role) or self._new(row, role, part)

    def _said(self, value: Any, role: str) -> str | None:
        """A constant as the argument of the block that it comes from: of widths alone, not by chance."""
        if not _whole(value) or value < 8 or role not in WIDTHS:
            return None
        named = [(p.name, p.values) for p in self.params if not p.name.startswith("in_")]
        offers = [(n, v) for n, v in self.offers.items() if not n.startswith("in_") and n != "features"]
        if self.count == 1:
            # What is written once needs no parameter; the number of classes is one all the same.
            offers = [o for o in offers if o[0] == "classes"]
            named = [n for n in named if n[0] == "classes"]
        for text, values in [*named, *((f"<{n}>", v) for n, v in offers)]:
            for factor in (1, 2, 4):
                if all(v == values[0] for v in values) and _whole(values[0]) and values[0] * factor == value:
                    name = self._adopt(text, role) if text.startswith("<") else text
                    return name if factor == 1 else f"{factor} * {name}"
        return None

    def explained(self, row: Row, role: str = "") -> str | None:
        """The expression of a row out of parameters and offers, if there is one."""
        for text, values, offers in self._candidates(role, row):
            if _agree(values, row):
                if offers == [text]:
                    # An argument is known as text, which is rounded; the row has its full precision.
                    name = text.strip("<>")
                    self.offers[name] = [v if w is MISSING else w for v, w in zip(values, row, strict=True)]
                for offer in offers:
                    text = text.replace(offer, self._adopt(offer, role))
                return text
        return None

    def _candidates(self, role: str, row: Row) -> Iterator[tuple[str, list[Any], list[str]]]:
        simple = [(p.name, p.values, list[str]()) for p in self.params]
        offers = [(f"<{name}>", values, [f"<{name}>"]) for name, values in self.offers.items()]
        offers.sort(key=lambda o: (o[0] == "<in_channels>") != (ROLES.get(role, role) == "in_channels"))
        simple += offers
        yield from simple
        if ROLES.get(role) in PLAIN or not all(_whole(v) for v in row if v is not MISSING):
            return
        whole = [c for c in simple if all(map(_whole, c[1]))]
        for text, values, needs in whole if ROLES.get(role) == "padding" else []:
            yield f"{text} // 2", [v // 2 for v in values], needs
        for text, values, needs in whole:
            factor = _ratio(row, values)
            if factor:
                yield f"{factor} * {text}", [factor * v for v in values], needs
            divisor = _ratio(values, row)
            if divisor:
                yield f"{text} // {divisor}", [v // divisor for v in values], needs
            yield f"{text} // 2", [v // 2 for v in values], needs
        for a, x, n in whole:
            for b, y, m in whole:
                if a != b:
                    yield f"{a} + {b}", [i + j for i, j in zip(x, y, strict=True)], [*n, *m]
                    yield f"{a} - {b}", [i - j for i, j in zip(x, y, strict=True)], [*n, *m]
                    yield f"{a} * {b}", [i * j for i, j in zip(x, y, strict=True)], [*n, *m]
                    if all(y):
                        yield f"{a} // {b}", [i // j for i, j in zip(x, y, strict=True)], [*n, *m]

    def _adopt(self, offer: str, role: str) -> str:
        name = offer.strip("<>")
        values = self.offers.pop(name)
        called = ROLES.get(role, role)
        if len(name) > 1 or not called:
            called = name
        elif called in ("in_channels", "in_features"):
            called = called.removeprefix("in_")
        return self._add(called, values)

    def _new(self, row: Row, role: str, part: str) -> str:
        common = Counter(v for v in row if v is not MISSING).most_common(1)[0][0]
        fill = 0 if _whole(common) else common
        name = ROLES.get(role, role)
        if name in {p.name for p in self.params} or (name == "channels" and "_" in part):
            name = f"{part.rstrip('0123456789') or part}_{name}"
        return self._add(name, [fill if v is MISSING else v for v in row])

    def _add(self, name: str, values: list[Any]) -> str:
        name = unique(name, {p.name for p in self.params} | self.taken)
        if any(isinstance(v, float) for v in values):
            values = [float(v) if _number(v) else v for v in values]
        self.params.append(Parameter(name, values))
        return name

    def listed(self, name: str, rows: list[list[Any]]) -> str:
        """A new parameter that holds a value for each child of a run."""
        return self._add(name, [tuple(r) for r in rows])

    def condition(self, present: Sequence[bool], name: str) -> str:
        """A condition on the parameters that says in which instances a part is there."""
        for text, values in self._conditions():
            if values == list(present):
                return text
        return self._add(name, list(present))

    def _conditions(self) -> Iterator[tuple[str, list[bool]]]:
        atoms: list[tuple[str, list[bool]]] = []
        for p in self.params:
            if all(isinstance(v, bool) for v in p.values):
                atoms.append((p.name, list(p.values)))
            elif all(map(_number, p.values)):
                if 0 in p.values:
                    atoms.append((f"{p.name} > 0", [v > 0 for v in p.values]))
                atoms += [
                    (f"{p.name} == 1", [v == 1 for v in p.values]),
                    (f"{p.name} != 1", [v != 1 for v in p.values]),
                ]
        numbers = [p for p in self.params if all(map(_whole, p.values))]
        for a in numbers:
            for b in numbers:
                if a is not b:
                    for factor in (1, 2, 4):
                        product = [factor * v for v in b.values]
                        text = b.name if factor == 1 else f"{factor} * {b.name}"
                        same = [x == y for x, y in zip(a.values, product, strict=True)]
                        atoms += [
                            (f"{a.name} == {text}", same),
                            (f"{a.name} != {text}", [not s for s in same]),
                        ]
        yield from atoms
        for i, (a_text, x) in enumerate(atoms):
            for b_text, y in atoms[i + 1 :]:
                yield f"{a_text} and {b_text}", [p and q for p, q in zip(x, y, strict=True)]
                yield f"{a_text} or {b_text}", [p or q for p, q in zip(x, y, strict=True)]

    def finish(self) -> None:
        """Give defaults to what is usually left alone, and put those parameters last."""
        for p in self.params:
            common = DEFAULTS.get(p.name)
            if all(isinstance(v, bool) for v in p.values):
                common = False
            if any(isinstance(v, Name) for v in p.values):
                common = Counter(v for v in p.values).most_common(1)[0][0]
            if common is not None and any(v == common for v in p.values):
                p.default, p.has_default = common, True
        order = {"in_channels": 0, "in_features": 0}
        self.params.sort(key=lambda p: (p.has_default, order.get(p.name, 1)))


def _agree(values: Row, row: Row) -> bool:
    return all(w is MISSING or _same(v, w) for v, w in zip(values, row, strict=True))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and _number(b):
        return bool(abs(a - b) < 1e-6)
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ratio(row: Row, values: Row) -> int:
    """The whole number greater than 1 that makes a row out of another, or 0."""
    for r, v in zip(row, values, strict=True):
        if r is not MISSING and v is not MISSING and v:
            return r // v if r % v == 0 and r // v > 1 else 0
    return 0
