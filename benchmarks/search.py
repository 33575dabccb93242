"""Samplers on tables of trained networks: how soon the best is seen, and what a proposal costs.

    make bench-search TABLE=nas-bench-macro_cifar10.json

Each query returns one of a network's trained runs, drawn at random; the search is judged by the
mean over its runs. Every sampler draws through Optuna alone.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import optuna
import plots
import tables
import torch
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from tables import Table

from blockdsl import ArchSampler
from blockdsl.nas.distributions import suggested_value

optuna.logging.set_verbosity(optuna.logging.ERROR)
torch.set_num_threads(1)

ACCURACY = ("accuracy",)
BOTH = ("accuracy", "macs")
QUERIES = {ACCURACY: 50, BOTH: 200}
MARKS = {ACCURACY: (20, 30, 50), BOTH: (50, 100, 200)}

Make = Callable[[Table, Sequence[str], int], BaseSampler]


@dataclass(frozen=True)
class Sampler:
    """How one is made; `dear` ones run with fewer seeds, and the dearest with fewer queries."""

    name: str
    make: Make
    dear: bool = False
    queries: int = 1000


def _ours(method: str = "gp") -> Make:
    return lambda table, goals, seed: ArchSampler(source=table, goals=goals, method=method, seed=seed)  # type: ignore[arg-type]


def _whole(table: Table, goals: Sequence[str], seed: int) -> BaseSampler:
    return ArchSampler(source=table, goals=goals, seed=seed, archive=table.archive, complete=True)  # type: ignore[arg-type]


SAMPLERS = (
    Sampler("random", lambda t, g, s: RandomSampler(seed=s)),
    Sampler("TPE", lambda t, g, s: TPESampler(seed=s)),
    Sampler("NSGA-II", lambda t, g, s: NSGAIISampler(seed=s, population_size=20)),
    Sampler("GPSampler", lambda t, g, s: GPSampler(seed=s, deterministic_objective=False), True, 50),
    Sampler("evolution", _ours("evolution")),
    Sampler("local", _ours("local")),
    Sampler("ArchSampler", _ours()),
    Sampler("ArchSampler, whole space", _whole, True),
)


@dataclass(frozen=True)
class Run:
    """The networks that a search queried, and its processor seconds for each."""

    queried: list[int]
    seconds: float


@cache
def _table(path: Path) -> Table:
    return tables.read(path)


def search(path: Path, index: int, goals: tuple[str, ...], seed: int) -> Run:
    """A search of a table by the sampler of that index."""
    table, sampler = _table(path), SAMPLERS[index]
    noise = random.Random(seed)
    directions = ["maximize" if goal == "accuracy" else "minimize" for goal in goals]
    study = optuna.create_study(directions=directions, sampler=sampler.make(table, goals, seed))
    queried, spent = [], 0.0
    for _ in range(min(sampler.queries, QUERIES[goals])):
        start = time.process_time()
        trial = study.ask()
        found = table.reach(lambda point, trial=trial: suggested_value(trial, point))  # type: ignore[misc]
        spent += time.process_time() - start
        queried.append(found)
        values = {"accuracy": noise.choice(table.runs[found]), "macs": table.macs[found]}
        study.tell(trial, [values[goal] for goal in goals])
    return Run(queried, spent / len(queried))


def hypervolume(table: Table, queried: Iterable[int]) -> float:
    """Share of the true front's hypervolume; the reference is the worst accuracy and the most MACs."""

    def volume(indices: Iterable[int]) -> float:
        worst, total, last = table.mean.min(), 0.0, table.macs.max()
        steps = []
        best = worst
        for i in sorted(indices, key=lambda i: (table.macs[i], -table.mean[i])):
            if table.mean[i] > best:
                best = table.mean[i]
                steps.append((table.macs[i], best))
        for cost, value in reversed(steps):
            total += (last - cost) * (value - worst)
            last = cost
        return float(total)

    return volume(queried) / volume(range(len(table.mean)))


def first_top(table: Table, run: Run) -> float:
    """The number of the query that met a top network."""
    return next((i + 1 for i, q in enumerate(run.queried) if q in table.top), np.inf)


def single(table: Table, runs: Sequence[Run], known: bool = True) -> list[str]:
    """A row on searches for accuracy; `known` where the proposals cost something."""
    first = [first_top(table, r) for r in runs]
    regret = [table.mean.max() - table.mean[r.queried].max() for r in runs]
    repeats = [len(r.queried) - len(set(r.queried)) for r in runs]
    equal = [len(set(r.queried)) - len({table.entries[i].identity for i in r.queried}) for r in runs]
    return [
        str(len(runs)), *(f"{np.mean([f <= n for f in first]):.2f}" for n in MARKS[ACCURACY]),
        f"{np.median(first):.0f}" if np.median(first) < np.inf else "more than 50",
        f"{100 * np.mean(regret):.2f}", f"{np.mean(repeats):.1f}", f"{np.mean(equal):.1f}",
        f"{1000 * np.mean([r.seconds for r in runs]):.1f}" if known else "-",
    ]  # fmt: skip


def double(table: Table, runs: Sequence[Run]) -> list[str]:
    """A row on searches for accuracy and few MACs."""
    shares = [
        f"{np.mean([hypervolume(table, r.queried[:n]) for r in runs]):.4f}"
        if n <= len(runs[0].queried)
        else "-"
        for n in MARKS[BOTH]
    ]
    return [str(len(runs)), *shares, f"{1000 * np.mean([r.seconds for r in runs]):.1f}"]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of a page."""
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


SINGLE = ["sampler", "seeds", "P(top, 20)", "P(top, 30)", "P(top, 50)", "median query", "regret at 50, %",
          "repeats in 50", "equal networks in 50", "ms a proposal"]  # fmt: skip
DOUBLE = ["sampler", "seeds", "at 50", "at 100", "at 200", "ms a proposal"]


def section(path: Path, pool: ProcessPoolExecutor, seeds: int, dear_seeds: int, images: Path) -> list[str]:
    """A page's part on one table, with its two plots."""
    table = _table(path)
    waiting = {
        (goals, index): [
            pool.submit(search, path, index, goals, seed)
            for seed in range(dear_seeds if sampler.dear else seeds)
        ]
        for goals in (ACCURACY, BOTH)
        for index, sampler in enumerate(SAMPLERS)
    }
    rows: dict[tuple[str, ...], list[list[str]]] = {ACCURACY: [], BOTH: []}
    seen, volumes = {}, {}
    for (goals, index), futures in waiting.items():
        name, runs = SAMPLERS[index].name, [future.result() for future in futures]
        row = single(table, runs) if goals == ACCURACY else double(table, runs)
        rows[goals].append([name, *row])
        print(rows[goals][-1], flush=True)
        if goals == ACCURACY:
            first = np.array([first_top(table, r) for r in runs])
            seen[name] = [float(np.mean(first <= n)) for n in range(1, QUERIES[ACCURACY] + 1)]
        else:
            at = range(10, len(runs[0].queried) + 1, 10)
            volumes[name] = [float(np.mean([hypervolume(table, r.queried[:n]) for r in runs])) for n in at]
    largest = Run(np.argsort(-table.macs)[: QUERIES[ACCURACY]].tolist(), 0.0)
    rows[ACCURACY].append(["descending MACs", *single(table, [largest], known=False)])
    stem = path.stem.partition("_")[0]
    plots.seen(images / f"search_{stem}_top.svg", table.name, seen)
    plots.volumes(images / f"search_{stem}_front.svg", table.name, volumes)
    distinct = len({entry.identity for entry in table.entries})
    return [
        f"## {table.name}",
        f"{len(table.entries):,} networks, {distinct:,} of them distinct; the top are the best "
        f"{len(table.top)} by mean accuracy.",
        f"![](images/search_{stem}_top.svg) ![](images/search_{stem}_front.svg)",
        "One objective, accuracy: the share of searches that have queried a top network.",
        markdown(SINGLE, rows[ACCURACY]),
        "Two objectives, accuracy and MACs: the share of the true front's hypervolume.",
        markdown(DOUBLE, rows[BOTH]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--dear-seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    text = ["# Search: samplers on tables of trained networks", plots.PREFACE]
    images = given.out.parent / "images"
    for path in given.tables:
        _table(path)  # before the processes are forked, so that each has it
        with ProcessPoolExecutor(given.jobs) as pool:
            text += section(path, pool, given.seeds, given.dear_seeds, images)
        given.out.write_text("\n\n".join(text) + "\n")


if __name__ == "__main__":
    main()
