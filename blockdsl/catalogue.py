"""The networks that come along, by what their files say."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

from blockdsl.api import load
from blockdsl.architecture import Architecture
from blockdsl.resources import data_dir, names, read_source
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse


@dataclass(frozen=True)
class ZooEntry:
    """A network of the zoo, as the head of its file has it.

    Attributes:
        name: what `blockdsl.load` takes.
        year, title, paper: of its publication.
        blocks: the files whose blocks it uses, by their names.
    """

    name: str
    year: int
    title: str
    paper: str
    blocks: tuple[str, ...]

    def load(self) -> Architecture:
        """The network, lowered once."""
        return self._network

    @cached_property
    def _network(self) -> Architecture:
        return load(self.name)

    def is_of(self, family: str) -> bool:
        """Whether its name begins like that, or it is built from the blocks of that file."""
        return self.name.startswith(family) or family in self.blocks


def zoo(
    *, years: int | Container[int] | None = None, family: str = "", max_params: int | None = None
) -> list[ZooEntry]:
    """The networks that come along, in the order of their names. Loads no torch.

    Args:
        years: when they were published, such as 2015 or `range(2012, 2016)`.
        family: how their names begin (`resnet`), or the file whose blocks they are of (`residual`).
        max_params: with at most so many parameters. Each network is lowered for it.

    >>> [entry.name for entry in zoo(years=range(1998, 2012))]
    ['ciresan_mlp', 'ciresan_mlp_9', 'lenet5', 'lenet5_1998']
    >>> max(entry.load().summary().params for entry in zoo(family="squeezenet"))
    1248424
    """
    wanted: Container[int] | None = (years,) if isinstance(years, int) else years
    found = [
        entry
        for entry in map(_entry, names("zoo"))
        if entry.is_of(family) and (wanted is None or entry.year in wanted)
    ]
    if max_params is None:
        return found
    return [entry for entry in found if entry.load().summary().params <= max_params]


def _entry(name: str) -> ZooEntry:
    file = parse(read_source(data_dir("zoo") / f"{name}.arch", f"{name}.arch"))
    facts = {s.key: _text(s) for s in reversed(file.statements) if isinstance(s, nodes.Meta)}
    blocks = tuple(PurePath(s.path.value).stem for s in file.statements if isinstance(s, nodes.Use))
    return ZooEntry(name, int(facts["year"]), facts.get("title", ""), facts.get("paper", ""), blocks)


def _text(statement: nodes.Meta) -> str:
    return str(getattr(statement.values[0], "value", ""))
