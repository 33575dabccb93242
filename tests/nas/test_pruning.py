"""Rules that give trials up: on made-up curves, and in searches."""

import math
import random
from pathlib import Path

import pytest

from blockdsl.nas.engine import pruning
from blockdsl.nas.engine.pruning import RULES, Curve
from tests.nas.searching import by_outcome, search

EPOCHS = 27
GOOD = ["asha", "hyperband", "median"]


def curve(quality: float) -> Curve:
    """Accuracies that rise towards a quality and never cross."""
    return {e: quality * (1 - math.exp(-e / 6)) for e in range(1, EPOCHS + 1)}


def run(rule: str, qualities: list[float]) -> list[int]:
    """The epochs that each of these trials was trained, one after the other."""
    seen: list[Curve] = []
    for number, quality in enumerate(qualities):
        reported: Curve = {}
        for epoch, value in curve(quality).items():
            reported[epoch] = value
            if RULES[rule](number, EPOCHS, dict(reported), seen):
                break
        seen.append(reported)
    return [max(c) for c in seen]


def shuffled(seed: int) -> list[float]:
    qualities = [0.3 + 0.6 * i / 35 for i in range(36)]
    random.Random(seed).shuffle(qualities)
    return qualities


def test_rungs() -> None:
    assert pruning.rungs(27) == [1, 3, 9]
    assert pruning.rungs(28) == [1, 3, 9, 27]
    assert pruning.rungs(1) == []


@pytest.mark.parametrize("rule", GOOD)
@pytest.mark.parametrize("seed", range(5))
def test_the_best_goes_on_and_the_others_cost_less(rule: str, seed: int) -> None:
    qualities = shuffled(seed)
    epochs = run(rule, qualities)
    assert epochs[qualities.index(max(qualities))] == EPOCHS
    pruned = [e for e in epochs if e < EPOCHS]
    assert len(pruned) > len(epochs) / 3
    assert sum(epochs) < 0.75 * EPOCHS * len(epochs)


def test_asha_compares_with_what_came_before() -> None:
    """Each better than all before goes on; of ever worse ones only the first two, before there are three."""
    rising = sorted(shuffled(0))
    assert run("asha", rising) == [EPOCHS] * 36
    assert run("asha", rising[::-1]) == [EPOCHS] * 2 + [1] * 34


def test_hyperband_begins_its_brackets_in_turn() -> None:
    epochs = run("hyperband", [0.9, 0.8, 0.7] * 8)
    rungs = pruning.rungs(EPOCHS)
    for number, trained in enumerate(epochs):
        assert trained == EPOCHS or trained in rungs[number % 3 :]
    assert set(epochs[1::3]) <= {3, 9, EPOCHS} and set(epochs[2::3]) <= {9, EPOCHS}


def test_the_median_is_of_the_same_epoch() -> None:
    others = [curve(q) for q in (0.4, 0.5, 0.6, 0.7)]
    below, above = {e: v for e, v in curve(0.45).items() if e <= 5}, {5: curve(0.65)[5]}
    assert RULES["median"](4, EPOCHS, below, others)
    assert not RULES["median"](4, EPOCHS, above, others)
    # Behind the last epochs of the others, as every beginner is.
    assert not RULES["median"](4, EPOCHS, {1: curve(0.9)[1]}, others)


def test_none_gives_nothing_up() -> None:
    assert run("none", shuffled(0)) == [EPOCHS] * 36


TWO_GOALS = """input 1x8x8
net CONV({4,5,6},3)-RELU-FLATTEN-FC(10)
search
    maximize accuracy
    minimize params
train
    optimizer = adam(lr={1e-7..1e-1 log})
    batch     = 64
    epochs    = 4
"""


@pytest.mark.parametrize("rule", GOOD)
def test_two_objectives_are_pruned_on_the_named_one(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = search(TWO_GOALS, 12, pruner=rule)
    found = by_outcome(study)
    assert set(found) == {"done", "pruned"}
    assert all(record.epochs == 4 for record in found["done"])
    assert all(record.epochs < 4 for record in found["pruned"])
    best = max(found["done"], key=lambda record: record.measured["accuracy"])
    assert best.measured["accuracy"] > max(r.measured["accuracy"] for r in found["pruned"])
    for trial in study.get_trials():
        shown = trial.intermediate_values
        assert shown and all(0 <= value <= 1 for value in shown.values())
        assert set(shown) <= ({1, 2, 3, 4} if rule == "median" else {1, 3})


def test_loss_can_be_named_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = search(TWO_GOALS, 3, pruner="median", prune_on="loss")
    assert all(value < 0 for trial in study.get_trials() for value in trial.intermediate_values.values())
