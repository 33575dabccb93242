"""Objectives that are read from a table of trained networks.

A table is a JSON file:

    {"space": "nas_bench_macro", "source": "where it is from",
     "choices": ["stage[1].layer[1].choice[1]", ...],
     "networks": {"0,2,0,1,2,1,0,0": {"accuracy": [0.8947, 0.8895, 0.8917]}, ...}}

A network's key has a value for each of `choices` in turn: of an option its place from 0, else the
number. A list holds repeated measurements; a query returns one of them, drawn by the trial's seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blockdsl.diagnostics import error
from blockdsl.output import in_words
from blockdsl.resources import read_text
from blockdsl.space import Candidate, Space

MAX_BYTES = 200_000_000
"""A larger table is refused."""


class Table:
    """Measurements by assignment.

    Raises:
        ArchError: the file cannot be read, or is no table.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            content = json.loads(read_text(path, MAX_BYTES))
            self.choices: list[str] = list(content["choices"])
            self.networks: dict[str, dict[str, Any]] = dict(content["networks"])
        except OSError as reason:
            raise error("table", f"cannot read {path}: {in_words(reason)}") from None
        except (ValueError, KeyError, TypeError):
            raise error(
                "table",
                f"{path} is no table",
                help='it is JSON with "choices" and "networks"; see docs/search.md',
            ) from None

    def check(self, space: Space, names: list[str]) -> None:
        """Refuse a table of another space or without these measurements (raises `ArchError`)."""
        paths = set(space.first().assignment)
        if missing := paths ^ set(self.choices):
            raise error(
                "table", f"{self.path} is of another space: {sorted(missing)[0]} is in one of them only"
            )
        for name in names:
            if not all(name in row for row in self.networks.values()):
                known = sorted(set().union(*self.networks.values()))
                raise error("table", f"{self.path} has no {name}", help="it has " + ", ".join(known))

    def measured(self, candidate: Candidate, names: list[str], seed: int) -> dict[str, float]:
        """One measurement of each name.

        Raises:
            ArchError: the network is not in the table.
        """
        assignment = candidate.assignment
        key = ",".join(str(assignment[path]) for path in self.choices)
        if key not in self.networks:
            raise error("table", f"{self.path} has no network {key}")
        generator = random.Random(f"{seed} {key}")
        row: Mapping[str, Any] = self.networks[key]
        return {name: _one(row[name], generator) for name in names}


def _one(value: Any, generator: random.Random) -> float:
    return float(generator.choice(value) if isinstance(value, list) else value)


def from_nas_bench_macro(published: Path) -> dict[str, Any]:
    """The table of NAS-Bench-Macro in this format, from its authors' JSON (a digit for each layer)."""
    raw = json.loads(published.read_text(encoding="utf-8"))
    sizes = enumerate((2, 3, 3), 1)
    choices = [f"stage[{s}].layer[{n}].choice[1]" for s, size in sizes for n in range(1, size + 1)]
    networks = {
        ",".join(digits): {"accuracy": [round(a / 100, 6) for a in row["test_acc"]]}
        for digits, row in raw.items()
    }
    source = "github.com/xiusu/NAS-Bench-Macro, Apache-2.0: CIFAR-10 test accuracies of three runs"
    return {"space": "nas_bench_macro", "source": source, "choices": choices, "networks": networks}


if __name__ == "__main__":
    import sys

    Path(sys.argv[2]).write_text(json.dumps(from_nas_bench_macro(Path(sys.argv[1]))), encoding="utf-8")
