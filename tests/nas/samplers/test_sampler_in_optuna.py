"""The samplers inside Optuna: its own conformance cases, and studies over spaces of networks."""

from __future__ import annotations

from collections.abc import Callable
from math import log10
from random import Random

import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from blockdsl import ArchSampler, Candidate, Space
from blockdsl.nas.distributions import suggest
from blockdsl.source import Source

optuna.logging.set_verbosity(optuna.logging.ERROR)

TEXT = """
input 3x16x16
block unit(c) = let kind = {CONV(c,3,p1), DWCONV(3,p1)-CONV(c,1), ID} in-kind-RELU
net CONV({8, 16, 32},3,p1)-unit({8, 16})*{1..4}-GAP-FC(10)
search
    maximize accuracy
    require params <= 20k
train
    optimizer = sgd(lr={1e-3..1e-1 log})
"""


class TestConformance(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture(params=["gp", "evolution", "local"])
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        return lambda: ArchSampler(method=request.param, seed=0)


def space(text: str = TEXT) -> Space:
    return Space(Source("space.arch", text))


def score(candidate: Candidate) -> float:
    """A made-up accuracy: rises with depth and a learning rate near 0.01, saturates with parameters."""
    rate = candidate.program.recipe.optimizer.lr  # type: ignore[attr-defined]
    depth, params = candidate.figures["depth"], candidate.figures["params"]
    return float(1.0 - 1.0 / (1.0 + depth) - 20.0 / (20.0 + params) - 0.05 * abs(len(str(rate)) % 3))


@pytest.mark.parametrize("method", ["gp", "evolution", "local"])
def test_no_network_twice_and_none_that_is_not_allowed(method: str) -> None:
    networks = space(TEXT.partition("train")[0])
    study = optuna.create_study(direction="maximize", sampler=ArchSampler(networks, method=method, seed=1))
    met: list[Candidate] = []

    def objective(trial: optuna.Trial) -> float:
        met.append(suggest(networks, trial))
        return float(1.0 - 1.0 / (1.0 + met[-1].figures["depth"]))

    study.optimize(objective, n_trials=30)
    assert len({candidate.identity for candidate in met}) == 30
    assert all(candidate.figures["params"] <= 20_000 for candidate in met)


def test_one_seed_gives_one_search() -> None:
    def paths(seed: int) -> list[dict[str, object]]:
        networks = space()
        study = optuna.create_study(direction="maximize", sampler=ArchSampler(networks, seed=seed))
        study.optimize(lambda trial: score(suggest(networks, trial)), n_trials=15)
        return [trial.params for trial in study.trials]

    assert paths(3) == paths(3)
    assert paths(3) != paths(4)


def test_a_resumed_study_is_not_asked_again_what_it_knows() -> None:
    networks = space(TEXT.partition("train")[0])
    storage = optuna.storages.InMemoryStorage()
    seen = []
    for _ in range(3):
        study = optuna.create_study(
            study_name="one", storage=storage, load_if_exists=True, direction="maximize",
            sampler=ArchSampler(networks, seed=5),
        )  # fmt: skip

        def objective(trial: optuna.Trial) -> float:
            seen.append(suggest(networks, trial).identity)
            return float(len(seen) % 7) / 7

        study.optimize(objective, n_trials=8)
    assert len(set(seen)) == len(seen) == 24


def test_a_space_that_is_used_up_ends_in_repeats_and_not_in_an_error() -> None:
    networks = space("input 3x8x8\nnet CONV({4, 8},{1, 3},pad=same)\nsearch\n    maximize accuracy")
    study = optuna.create_study(direction="maximize", sampler=ArchSampler(networks, seed=0))
    study.optimize(lambda trial: suggest(networks, trial).figures["params"] / 1e4, n_trials=7)
    identities = {tuple(trial.params.values()) for trial in study.trials[:4]}
    assert len(identities) == 4


def test_crashes_and_prunings_inform() -> None:
    networks = space(TEXT.partition("train")[0])
    study = optuna.create_study(direction="maximize", sampler=ArchSampler(networks, seed=2))

    def objective(trial: optuna.Trial) -> float:
        candidate = suggest(networks, trial)
        if trial.number % 5 == 1:
            raise MemoryError
        trial.set_user_attr("steps", 4)
        trial.report(0.5, 1)
        if trial.number % 5 == 2:
            raise optuna.TrialPruned
        return float(1.0 - 1.0 / (1.0 + candidate.figures["depth"]))

    study.optimize(objective, n_trials=20, catch=(MemoryError,))
    tried = [tuple(sorted(trial.params.items())) for trial in study.trials]
    assert len(set(tried)) == 20


def test_a_known_cost_is_taken_as_it_is() -> None:
    """Accuracy and MACs: the smallest network is found in the first proposals, as its cost is known."""
    text = TEXT.partition("train")[0].replace("maximize accuracy", "maximize accuracy\n    minimize macs")
    networks = space(text)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=ArchSampler(networks, seed=0))

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        candidate = suggest(networks, trial)
        return 1.0 - 1.0 / (1.0 + candidate.figures["depth"]), candidate.figures["macs"]

    study.optimize(objective, n_trials=12)
    cheapest = min(trial.values[1] for trial in study.trials)
    drawn = [networks.sample(Random(i)) for i in range(60)]
    assert cheapest <= min(c.figures["macs"] for c in drawn if not networks.broken(c))


def test_three_objectives_spread_over_the_front() -> None:
    text = TEXT.partition("train")[0].replace("maximize accuracy", "maximize accuracy\n    minimize macs")
    networks = space(text)
    sampler = ArchSampler(networks, goals=["accuracy", "macs", "latency(cpu)"], seed=0)
    study = optuna.create_study(directions=["maximize", "minimize", "minimize"], sampler=sampler)

    def objective(trial: optuna.Trial) -> tuple[float, float, float]:
        figures = suggest(networks, trial).figures
        return 1.0 - 1.0 / (1.0 + figures["depth"]), figures["macs"], figures["activations"] ** 0.5

    study.optimize(objective, n_trials=25)
    assert len({tuple(sorted(t.params.items())) for t in study.trials}) == 25
    assert len(study.best_trials) >= 8


def test_limits_that_are_measured_are_learnt() -> None:
    """The score rises with the parameters; a measured limit that they break at 6,000 holds it back."""

    def sizes(limited: bool) -> list[int]:
        networks = space(TEXT.partition("train")[0])
        study = optuna.create_study(direction="maximize", sampler=ArchSampler(networks, seed=3))
        met: list[int] = []

        def objective(trial: optuna.Trial) -> float:
            met.append(suggest(networks, trial).figures["params"])
            trial.set_constraint("latency", met[-1] / 6_000 - 1.0 if limited else 0.0)
            return met[-1] / 20_000

        study.optimize(objective, n_trials=30)
        return met

    limited, free = sizes(True), sizes(False)
    assert max(limited[15:]) < 1.2 * 6_000
    assert max(n for n in limited if n <= 6_000) > 0.95 * 6_000
    assert sum(n > 1.2 * 6_000 for n in free[15:]) >= 5


def test_a_learning_rate_is_searched_with_the_network() -> None:
    """The best rate, 0.01 of 1e-4 to 1, is found beside the best depth; no setting says which is which."""
    text = TEXT.replace("{1e-3..1e-1 log}", "{1e-4..1 log}")
    networks = space(text)
    study = optuna.create_study(direction="maximize", sampler=ArchSampler(networks, seed=0))

    def objective(trial: optuna.Trial) -> float:
        candidate = suggest(networks, trial)
        rate = candidate.program.recipe.optimizer.lr  # type: ignore[attr-defined]
        return float(0.95 - 0.05 * (log10(rate) + 2) ** 2 - 0.3 / candidate.figures["depth"])

    study.optimize(objective, n_trials=40)
    rates = [abs(log10(v) + 2) for t in study.trials[20:] for p, v in t.params.items() if p.endswith("lr")]
    assert sorted(rates)[len(rates) // 2] < 0.35
    assert study.best_value > 0.9


def test_repeats_are_proposed_where_they_are_asked_for() -> None:
    networks = space("input 3x8x8\nnet CONV({4, 8, 12},{1, 3},pad=same)\nsearch\n    maximize accuracy")
    sampler = ArchSampler(networks, seed=0, repeats=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(lambda trial: float(suggest(networks, trial).figures["params"] / 1e4), n_trials=12)
    best = max(networks.bind(c.assignment).figures["params"] for c in networks.enumerate())  # type: ignore[union-attr]
    assert sum(trial.values[0] == best / 1e4 for trial in study.trials[6:]) >= 3


def test_an_unknown_method_says_which_there_are() -> None:
    with pytest.raises(ValueError, match="gp, evolution, local"):
        ArchSampler(method="magic")
