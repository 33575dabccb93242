"""What proposes networks, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from optuna.samplers import (
    BaseSampler,
    BruteForceSampler,
    GPSampler,
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.nas.objectives import Objective
from blockdsl.nas.samplers.sampler import ArchSampler
from blockdsl.space import Space
from blockdsl.space.counting import count

Make = Callable[[Space, Sequence[Objective], int], BaseSampler]


def _arch(method: str) -> Make:
    return lambda space, goals, seed: ArchSampler(
        space, goals=[g.name for g in goals], method=method, seed=seed
    )


class Grid(BruteForceSampler):
    """Every assignment, in some order."""

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Let the search see for itself that nothing is left: only `optimize` could be stopped here."""


SAMPLERS: dict[str, Make] = {
    "auto": _arch("gp"),
    "evolution": _arch("evolution"),
    "local": _arch("local"),
    "tpe": lambda space, goals, seed: TPESampler(
        seed=seed, multivariate=True, group=True, constant_liar=True
    ),
    "nsga2": lambda space, goals, seed: NSGAIISampler(seed=seed, population_size=20),
    "gp": lambda space, goals, seed: GPSampler(seed=seed),
    "random": lambda space, goals, seed: RandomSampler(seed=seed),
    "grid": lambda space, goals, seed: Grid(seed=seed),
}
"""One entry a sampler; `auto` is our own, which sees the networks behind the choices."""


def check_sampler(name: str, space: Space) -> None:
    """Refuse a name that is none, and a grid without an end (raises `ArchError`)."""
    if name not in SAMPLERS:
        listed = "samplers are " + ", ".join(SAMPLERS)
        raise error("search", f"there is no sampler {name}", help=did_you_mean(name, SAMPLERS, listed))
    if name == "grid" and count(space).number is None:
        raise error("search", "a real number is open, so that a grid has no end", help="--sampler auto")
