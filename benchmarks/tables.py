"""Spaces whose networks are all trained, to look measurements up in."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from blockdsl import Space
from blockdsl.lowering import ChoicePoint
from blockdsl.nas.samplers.archive import Archive, Entry
from blockdsl.nas.samplers.pool import Pool
from blockdsl.nas.samplers.sources import Choose
from blockdsl.source import Source, Span


@dataclass
class Table:
    """For each network an entry, the accuracies of its runs, and its MACs.

    It serves `ArchSampler` as a source of candidates: each was lowered once, and is looked up then.
    """

    name: str
    entries: list[Entry]
    runs: list[list[float]]

    def __post_init__(self) -> None:
        self.domains = self.entries[0].domains
        self.index = {self._key(e.assignment): i for i, e in enumerate(self.entries)}
        self.mean = np.array([np.mean(r) for r in self.runs])
        self.macs = np.array([e.figures["macs"] for e in self.entries], dtype=float)
        count = max(1, round(len(self.entries) / 1000 - 0.5))
        self.top = set(np.argsort(-self.mean)[:count].tolist())
        """The best of a thousand, by the mean of their runs."""

    def _key(self, assignment: Mapping[str, float]) -> tuple[float, ...]:
        return tuple(assignment[path] for path in self.domains)

    def reach(self, choose: Choose) -> int:
        """The network that a chooser leads to."""
        nowhere = Span(Source("", ""), 0, 0)
        chosen = {path: choose(ChoicePoint(path, domain, nowhere)) for path, domain in self.domains.items()}
        return self.index[self._key(chosen)]

    def entry(self, choose: Choose) -> Entry:
        """As `blockdsl.nas.samplers.sources.CandidateSource`."""
        return self.entries[self.reach(choose)]

    def count(self) -> int:
        """As `Source`."""
        return len(self.entries)

    def everything(self) -> Sequence[Entry]:
        """As `Source`."""
        return self.entries

    @cached_property
    def archive(self) -> Archive:
        """All networks, equal ones as one."""
        archive = Archive()
        pool = Pool(self, archive, random.Random(0))  # type: ignore[arg-type]
        for entry in self.entries:
            pool.enter(entry)
        return archive


def read(path: Path) -> Table:
    """A table: NAS-Bench-Macro as published, or what `benchmarks/digits_table.py` wrote."""
    raw = json.loads(path.read_text())
    return _digits(raw) if "networks" in raw else _nas_bench_macro(raw)


def _nas_bench_macro(raw: Mapping[str, Mapping[str, list[float]]]) -> Table:
    """Its networks are reached through the `.arch` file of its space; their figures must be its own."""
    space = Space.load("nas_bench_macro")
    entries, runs = [], []
    for key, row in sorted(raw.items()):
        digits = iter(key)
        candidate = space.reach(lambda _, digits=digits: int(next(digits)))  # type: ignore[misc]
        assert (candidate.summary.params, candidate.summary.macs) == (row["params"], row["flops"])
        entries.append(Entry.of(candidate, True))
        runs.append([a / 100 for a in row["test_acc"]])
    return Table("NAS-Bench-Macro (CIFAR-10)", entries, runs)


def _digits(raw: Mapping[str, list[dict[str, list[float]]]]) -> Table:
    space = Space.load(str(raw["space"]))
    candidates = [space.bind(row["assignment"]) for row in raw["networks"]]  # type: ignore[arg-type]
    return Table(
        "Residual networks on the digits",
        [Entry.of(candidate, True) for candidate in candidates],
        [row["accuracy"] for row in raw["networks"]],
    )
