"""What names stand for in a file and in what it uses, as they are written: nothing is evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from blockdsl.resources import find_used, read_source
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse

Definition = nodes.Block | nodes.Let


@dataclass(frozen=True, eq=False)
class Thunk:
    """An expression and the names it sees; `param` if it is the default of a file's parameter."""

    expr: nodes.Expr
    names: Names
    param: bool = False


@dataclass(frozen=True, eq=False)
class Defined:
    """A block, or a function of numbers, and the names of its file or block."""

    node: Definition
    names: Names


class Opaque:
    """A tensor, or the variable of a loop."""


Bound = Thunk | Defined | Opaque


@dataclass(eq=False)
class Names:
    """Names of a file, or of one call of a block or function (then `outer` is where that is defined)."""

    bound: dict[str, Bound] = field(default_factory=dict)
    outer: Names | None = None

    def find(self, name: str) -> tuple[Bound | None, bool]:
        """What a name stands for, and whether it belongs to a call (not to a file)."""
        if name in self.bound:
            return self.bound[name], self.outer is not None
        return self.outer.find(name) if self.outer else (None, False)


@dataclass(eq=False)
class Unit:
    """A file with the names it sees and the files it uses, in the order of its `use` lines."""

    file: nodes.File
    names: Names
    uses: list[Unit]

    def used(self) -> Iterator[Unit]:
        """All used files, each once, before those that use them."""
        seen: set[int] = set()
        for unit in self.uses:
            for inner in (*unit.used(), unit):
                if id(inner.file) not in seen:
                    seen.add(id(inner.file))
                    yield inner


def unit_of(file: nodes.File) -> Unit:
    """A file that lowers, with all that it uses."""
    return _unit(file, {})


def _unit(file: nodes.File, known: dict[Path, Unit]) -> Unit:
    unit = Unit(file, Names(), [])
    names = unit.names
    for statement in file.statements:
        match statement:
            case nodes.Use(path=path):
                found = find_used(path.value, path.span.source.folder)
                assert found is not None, "the file was lowered"
                found = found.resolve()
                if found not in known:
                    known[found] = _unit(parse(read_source(found, found.name)), known)
                used = known[found]
                unit.uses.append(used)
                names.bound |= {n: b for n, b in used.names.bound.items() if isinstance(b, Defined)}
            case nodes.Block(name=name):
                names.bound[name] = Defined(statement, names)
            case nodes.Let(name=name, params=params, value=value):
                names.bound[name] = Thunk(value, names) if params is None else Defined(statement, names)
            case nodes.Param(name=name, default=default):
                names.bound[name] = Thunk(default, names, True) if default is not None else Opaque()
    return unit
