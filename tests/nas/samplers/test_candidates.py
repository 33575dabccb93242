"""What the samplers know of candidates, and where they draw them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from blockdsl import Space
from blockdsl.diagnostics import ArchError
from blockdsl.lowering import FloatRange, IntRange
from blockdsl.nas.samplers.archive import Archive, Columns, Entry, scaled, standardised
from blockdsl.nas.samplers.evolution import Evolution, LocalSearch
from blockdsl.nas.samplers.goals import Goal, Measured
from blockdsl.nas.samplers.pool import Pool, nudged
from blockdsl.nas.samplers.proposer import Proposer
from blockdsl.nas.samplers.sources import Networks
from blockdsl.source import Source

TEXT = """
input 3x8x8
net CONV({4, 8, 12},3,p1)-{RELU, TANH, CONV({5, 6},1)}-(CONV(7,1)-RELU)*{0..3}-GAP-FC(10)
search
    maximize accuracy
    require params <= 1000
"""
GOALS = [Goal("accuracy", True, False)]


def networks(text: str = TEXT) -> Networks:
    return Networks(Space(Source("space.arch", text)))


def test_equal_networks_are_one_row() -> None:
    source, archive = networks("input 3x8x8\nnet {CONV(4,1), CONV(4,1), CONV(5,1)}"), Archive()
    rows = [archive.add(entry) for entry in source.everything()]
    assert rows == [0, 0, 1]


def test_distances_count_the_options_that_differ() -> None:
    text = "input 3x8x8\nnet CONV(4,{1, 3},pad=same)-{RELU, TANH}-CONV(5,{1, 3},pad=same)-{RELU, TANH}"
    archive = Archive()
    for entry in networks(text).everything():
        archive.add(entry)
    choices = archive.choices.values
    for i, one in enumerate(archive.entries):
        for j, other in enumerate(archive.entries):
            differing = sum(one.assignment[p] != other.assignment[p] for p in one.assignment)
            assert np.square(choices[i] - choices[j]).sum() == pytest.approx(differing)


def test_columns_grow_with_names_and_rows() -> None:
    columns = Columns()
    for i in range(200):
        columns.append({f"name {i % 40}": float(i)})
    assert columns.values.shape == (200, 40)
    assert columns.values[173, columns.names["name 13"]] == 173.0
    assert columns.values[173].sum() == 173.0


def test_a_constant_column_says_nothing() -> None:
    values = standardised(np.array([[1.0, 2.0], [1.0, 4.0]]))
    assert values.tolist() == [[0.0, -1.0], [0.0, 1.0]]


def test_numbers_are_scaled_as_their_range_says() -> None:
    assert scaled(IntRange(2, 6), 4) == 0.5
    assert scaled(FloatRange(1e-4, 1e-2, log=True), 1e-3) == pytest.approx(0.5)


def test_neighbours_differ_in_one_choice_and_what_hangs_on_it() -> None:
    archive, rng = Archive(), random.Random(0)
    pool = Pool(networks(), archive, rng)
    start = pool.fresh()
    assert start is not None
    before = archive.entries[start].assignment
    for _ in range(40):
        row = pool.neighbour(start)
        assert row is not None
        after = archive.entries[row].assignment
        changed = {p for p in before.keys() & after.keys() if before[p] != after[p]}
        assert len(changed) <= 1


@pytest.mark.parametrize(
    "domain",
    [
        IntRange(1, 9, 2), FloatRange(0.0, 1.0), FloatRange(0.1, 1.2, 0.1), FloatRange(1e-4, 1.0, log=True),
    ],
)  # fmt: skip
def test_a_nudge_stays_in_the_range(domain: IntRange | FloatRange) -> None:
    rng = random.Random(1)
    value = float(domain.low) if isinstance(domain, FloatRange) else domain.low
    for _ in range(200):
        value = nudged(domain, value, rng)
        assert domain.allows(value)


@pytest.mark.parametrize("make", [Proposer, Evolution, LocalSearch])
def test_a_small_space_is_walked_through_without_a_repeat(make: type) -> None:
    source = networks()
    feasible = {e.identity for e in source.everything() if e.feasible}
    proposer = make(source, GOALS, seed=0)
    records: list[Measured] = []
    met: list[Entry] = []
    while len(met) < len(feasible):
        entry = proposer.propose(records)
        met.append(entry)
        records.append(Measured(proposer.archive.row_of[entry.identity], (0.5 + 0.001 * len(met),)))
    assert {e.identity for e in met} == feasible
    with pytest.raises(ArchError, match=r"measured|no further"):
        proposer.propose(records)


def test_the_first_proposals_are_the_corners_of_cost() -> None:
    source = networks()
    proposer = Proposer(source, GOALS, seed=0)
    feasible = [e for e in source.everything() if e.feasible]
    costs = sorted(e.figures["macs"] for e in feasible)
    first = proposer.propose([])
    second = proposer.propose([Measured(proposer.archive.row_of[first.identity], (0.5,))])
    assert [first.figures["macs"], second.figures["macs"]] == [costs[-1], costs[0]]


def test_what_runs_is_not_proposed_again() -> None:
    proposer = Proposer(networks(), GOALS, seed=0)
    records: list[Measured] = []
    for _ in range(12):
        entry = proposer.propose(records)
        row = proposer.archive.row_of[entry.identity]
        assert row not in {r.row for r in records}
        records.append(Measured(row, None if len(records) % 2 else (0.4 + 0.01 * len(records),)))
