"""Samplers on tables of trained networks: how soon the best is seen, and what a proposal costs.

    make bench-search TABLE=nas-bench-macro_cifar10.json

Each query returns one of a network's trained runs, drawn at random; the search is judged by the
mean over its runs. Every sampler draws through Optuna alone.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from blockdsl.search import ArchSampler, Space
from blockdsl.search.distributions import internal, labels
from blockdsl.search.sampling.book import Book, Entry
from blockdsl.search.sampling.pool import Pool
from blockdsl.search.sampling.sources import Choose

optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass
class Table:
    """A space whose networks are all trained: an entry, the runs' accuracies and the MACs of each."""

    name: str
    entries: list[Entry]
    runs: list[list[float]]

    def __post_init__(self) -> None:
        self.paths = list(self.entries[0].domains)
        self.index = {self.key(e.assignment): i for i, e in enumerate(self.entries)}
        self.mean = np.array([np.mean(r) for r in self.runs])
        self.macs = np.array([e.figures["macs"] for e in self.entries], dtype=float)
        count = max(1, round(len(self.entries) / 1000 - 0.5))
        self.top = set(np.argsort(-self.mean)[:count].tolist())

    def key(self, assignment: Mapping[str, float]) -> tuple[float, ...]:
        return tuple(assignment[p] for p in self.paths)

    def suggest(self, trial: optuna.Trial) -> int:
        domains = self.entries[0].domains
        chosen = {
            p: internal(domains[p], trial.suggest_categorical(p, labels(domains[p]))) for p in self.paths
        }
        return self.index[self.key(chosen)]

    # As a source of candidates (blockdsl.search.sampling.sources): lowered once, and looked up then.

    def entry(self, choose: Choose) -> Entry:
        from blockdsl.lowering import ChoicePoint
        from blockdsl.source import Source, Span

        nowhere = Span(Source("", ""), 0, 0)
        domains = self.entries[0].domains
        chosen = {p: choose(ChoicePoint(p, domains[p], nowhere)) for p in self.paths}
        return self.entries[self.index[self.key(chosen)]]

    def count(self) -> int:
        return len(self.entries)

    def everything(self) -> Sequence[Entry]:
        return self.entries


def nas_bench_macro(path: Path) -> Table:
    """The published table, its networks reached through the `.arch` file of its space."""
    raw = json.loads(path.read_text())
    space = Space.load("nas_bench_macro")
    entries, runs = [], []
    for key, row in sorted(raw.items()):
        digits = iter(key)
        candidate = space.reach(lambda _, digits=digits: int(next(digits)))
        assert (candidate.summary.params, candidate.summary.macs) == (row["params"], row["flops"])
        entries.append(Entry.of(candidate, True))
        runs.append([a / 100 for a in row["test_acc"]])
    return Table("NAS-Bench-Macro (CIFAR-10)", entries, runs)


def digits_table(path: Path) -> Table:
    """The table that `benchmarks/digits_table.py` made."""
    raw = json.loads(path.read_text())
    space = Space.load(raw["space"])
    entries, runs = [], []
    for row in raw["networks"]:
        candidate = space.bind(row["assignment"])
        entries.append(Entry.of(candidate, True))
        runs.append(row["accuracy"])
    return Table("residual networks on the digits", entries, runs)


Make = Callable[[Table, Book, Sequence[str], int], BaseSampler]


def _ours(method: str = "gp", whole: bool = False) -> Make:
    def make(table: Table, book: Book, goals: Sequence[str], seed: int) -> BaseSampler:
        known = {"book": book, "complete": True} if whole else {}
        return ArchSampler(source=table, goals=goals, method=method, seed=seed, **known)  # type: ignore[arg-type]

    return make


SAMPLERS: dict[str, tuple[Make, bool]] = {
    "random": (lambda t, b, g, s: RandomSampler(seed=s), False),
    "TPE": (lambda t, b, g, s: TPESampler(seed=s), False),
    "NSGA-II": (lambda t, b, g, s: NSGAIISampler(seed=s), False),
    "GPSampler": (lambda t, b, g, s: GPSampler(seed=s, deterministic_objective=False), True),
    "evolution": (_ours("evolution"), False),
    "local": (_ours("local"), False),
    "ArchSampler (pool)": (_ours(), False),
    "ArchSampler (whole space)": (_ours(whole=True), False),
}
"""How each is made, and whether it is dear (fewer seeds)."""


@dataclass
class Run:
    queried: list[int]
    seconds: float


def run(table: Table, book: Book, make: Make, goals: Sequence[str], queries: int, seed: int) -> Run:
    noise = random.Random(seed)
    directions = ["maximize" if g == "accuracy" else "minimize" for g in goals]
    study = optuna.create_study(directions=directions, sampler=make(table, book, goals, seed))
    queried, spent = [], 0.0
    for _ in range(queries):
        start = time.perf_counter()
        trial = study.ask()
        index = table.suggest(trial)
        spent += time.perf_counter() - start
        queried.append(index)
        values = {"accuracy": noise.choice(table.runs[index]), "macs": table.macs[index]}
        study.tell(trial, [values[g] for g in goals])
    return Run(queried, spent / queries)


def descending_macs(table: Table, queries: int) -> Run:
    return Run(np.argsort(-table.macs)[:queries].tolist(), 0.0)


def hypervolume(table: Table, queried: Sequence[int]) -> float:
    """Share of the true front's hypervolume; the reference is the worst accuracy and the most MACs."""

    def volume(indices: Sequence[int]) -> float:
        best, total, last = table.mean.min(), 0.0, table.macs.max()
        steps = []
        for i in sorted(indices, key=lambda i: (table.macs[i], -table.mean[i])):
            if table.mean[i] > best:
                best = table.mean[i]
                steps.append((table.macs[i], best))
        for cost, value in reversed(steps):
            total += (last - cost) * (value - table.mean.min())
            last = cost
        return float(total)

    return volume(queried) / volume(range(len(table.mean)))


def single(table: Table, book: Book, seeds: int, dear_seeds: int) -> list[list[str]]:
    rows = []
    runs = {n: [run(table, book, make, ["accuracy"], 100 if not dear else 50, s)
                for s in range(dear_seeds if dear else seeds)]
            for n, (make, dear) in SAMPLERS.items() if n != "NSGA-II"}  # fmt: skip
    runs["descending MACs"] = [descending_macs(table, 100)]
    for name, found in runs.items():
        first = [next((i + 1 for i, q in enumerate(r.queried) if q in table.top), 10**6) for r in found]
        shares = [np.mean([f <= n for f in first]) for n in (20, 30, 50)]
        regret = [table.mean.max() - table.mean[r.queried[:50]].max() for r in found]
        distinct = [len({table.entries[i].identity for i in r.queried[:50]}) for r in found]
        rows.append([
            name, str(len(found)), *(f"{s:.2f}" for s in shares),
            f"{np.median(first):.0f}" if np.median(first) < 10**6 else "-",
            f"{100 * np.mean(regret):.2f}", f"{50 - np.mean(distinct):.1f}",
            f"{1000 * np.mean([r.seconds for r in found]):.1f}",
        ])  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def double(table: Table, book: Book, seeds: int, dear_seeds: int) -> list[list[str]]:
    rows = []
    for name, (make, dear) in SAMPLERS.items():
        queries = 50 if dear else 200
        found = [
            run(table, book, make, ["accuracy", "macs"], queries, s)
            for s in range(dear_seeds if dear else seeds)
        ]
        shares = [
            f"{np.mean([hypervolume(table, r.queried[:n]) for r in found]):.4f}" if n <= queries else "-"
            for n in (50, 100, 200)
        ]
        cost = f"{1000 * np.mean([r.seconds for r in found]):.1f}"
        rows.append([name, str(len(found)), *shares, cost])
        print(rows[-1], flush=True)
    return rows


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def book_of(table: Table) -> Book:
    book = Book()
    pool = Pool(table, book, random.Random(0))  # type: ignore[arg-type]
    for entry in table.entries:
        pool.enter(entry)
    return book


SINGLE = ["sampler", "seeds", "P(top, 20)", "P(top, 30)", "P(top, 50)", "median", "regret at 50, %",
          "repeats in 50", "ms a proposal"]  # fmt: skip
DOUBLE = ["sampler", "seeds", "at 50", "at 100", "at 200", "ms a proposal"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--dear-seeds", type=int, default=20)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    text = []
    for path in given.tables:
        table = digits_table(path) if "networks" in json.loads(path.read_text()) else nas_bench_macro(path)
        book = book_of(table)
        print(table.name, len(table.entries), "networks,", len(book.entries), "distinct", flush=True)
        text += [
            f"## {table.name}",
            f"{len(table.entries):,} networks, {len(book.entries):,} distinct; "
            f"the top are the best {len(table.top)} by mean accuracy.",
            "One objective: the share of searches that have queried a top network.",
            markdown(SINGLE, single(table, book, given.seeds, given.dear_seeds)),
            "Two objectives (accuracy, MACs): the share of the true front's hypervolume.",
            markdown(DOUBLE, double(table, book, max(5, given.seeds // 5), max(3, given.dear_seeds // 5))),
        ]
    if given.out:
        given.out.write_text("\n\n".join(["# Search: samplers on tables of trained networks", *text]) + "\n")


if __name__ == "__main__":
    main()
