"""The proposers as a sampler of Optuna.

    space = blockdsl.Space.load("residual")
    study = optuna.create_study(direction="maximize", sampler=blockdsl.ArchSampler(space))
    study.optimize(lambda trial: evaluate(suggest(space, trial)), n_trials=50)

Without a space it is a sampler as any other: it models the parameters that a study's trials share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import ThreadpoolController

from blockdsl.diagnostics import ArchError
from blockdsl.nas.distributions import distribution, domain_of, external, internal
from blockdsl.nas.objectives import STATIC
from blockdsl.nas.optuna_private import trial_id
from blockdsl.nas.samplers.archive import Archive, Entry
from blockdsl.nas.samplers.evolution import Evolution, LocalSearch
from blockdsl.nas.samplers.goals import Goal, Measured
from blockdsl.nas.samplers.method import Method
from blockdsl.nas.samplers.proposer import Proposer
from blockdsl.nas.samplers.sources import CandidateSource, Networks, Parameters
from blockdsl.space import Space

METHODS: dict[str, Callable[..., Method]] = {
    "gp": Proposer,
    "evolution": Evolution,
    "local": LocalSearch,
}


class ArchSampler(BaseSampler):
    """Proposes networks of a space, each at most once and none that `require` rules out.

    Args:
        space: the space; None for plain parameters.
        goals: names of the objectives in the study's order; those that are static figures (`params`,
            `macs`, …) are known exactly. By default the objectives of the space's file.
        method: `gp` (a Gaussian process with architecture features), `evolution` or `local`.
        seed: of everything drawn.
        repeats: let `gp` propose a network again, where its noisy score is worth another look.
        archive: candidates that are known already; with `complete` they are the whole space.
        source: where candidates come from, if not from the space itself (a table, say).
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        goals: Sequence[str] | None = None,
        method: str = "gp",
        seed: int | None = None,
        repeats: bool = False,
        archive: Archive | None = None,
        complete: bool = False,
        source: CandidateSource | None = None,
    ) -> None:
        if method not in METHODS:
            raise ValueError(f"method is one of {', '.join(METHODS)}, not {method!r}")
        self.space, self.method, self.seed = space, method, seed
        self.source = source or (Networks(space) if space else None)
        names = [o.metric.span.text for o in space.objectives] if space and goals is None else goals
        self.goal_names = list(names or [])
        self.repeats, self.archive, self.complete = repeats, archive, complete
        self._random = RandomSampler(seed)
        self._shared = IntersectionSearchSpace()
        self._proposers: dict[Any, Method] = {}
        self._proposed: dict[int, Entry] = {}
        self._rows: dict[int, int | None] = {}

    def reseed_rng(self) -> None:
        """Draw differently from here on, as Optuna asks of a sampler in a new worker."""
        self.seed = None
        self._random.reseed_rng()
        self._proposers.clear()
        self._rows.clear()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The choices of the proposal for this trial."""
        if self.source is None:
            shared = self._shared.calculate(study)
            return {name: given for name, given in shared.items() if not given.single()}
        try:
            entry = self._proposed_by(self._proposer(study, self.source), self._records(study, trial))
        except ArchError:
            # Nothing new is left: the trial's choices are drawn, and may repeat one.
            return {}
        self._proposed[trial_id(trial)] = entry
        return {path: distribution(domain) for path, domain in entry.domains.items()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The values of the proposal."""
        if not search_space:
            return {}
        entry = self._proposed.pop(trial_id(trial), None)
        if entry is not None:
            return {p: external(entry.domains[p], v) for p, v in entry.assignment.items()}
        return self._plain(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value for a parameter outside the proposal, drawn uniformly."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    # --- plain parameters

    def _plain(
        self, study: Study, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        domains = {name: domain_of(given) for name, given in search_space.items()}
        proposer = self._proposer(study, Parameters(domains), tuple(sorted(domains.items(), key=str)))
        try:
            entry = self._proposed_by(proposer, self._records(study, trial, search_space))
        except ArchError:
            return {}
        return {
            name: given.choices[int(entry.assignment[name])]
            if isinstance(given, CategoricalDistribution)
            else entry.assignment[name]
            for name, given in search_space.items()
        }

    # --- what was measured

    def _proposer(self, study: Study, source: CandidateSource, key: Any = None) -> Method:
        if key not in self._proposers:
            names = self.goal_names or [f"value {i}" for i in range(len(study.directions))]
            goals = [
                Goal(name, way == StudyDirection.MAXIMIZE, name in STATIC)
                for name, way in zip(names, study.directions, strict=True)
            ]
            options: dict[str, Any] = {"seed": self.seed if self.seed is not None else _any_seed()}
            if self.method == "gp":
                options |= {"repeats": self.repeats}
            if self.method == "gp" and key is None:
                options |= {"archive": self.archive, "complete": self.complete}
            self._proposers[key] = METHODS[self.method](source, goals, **options)
            self._rows.clear()
        self._current = self._proposers[key]
        return self._current

    def _proposed_by(self, proposer: Method, records: Sequence[Measured]) -> Entry:
        """A proposal on one thread: matrices of some hundred rows gain nothing from more."""
        with _pools().limit(limits=1, user_api="blas"):
            return proposer.propose(records)

    def _records(
        self, study: Study, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution] | None = None
    ) -> list[Measured]:
        records = []
        for other in study.get_trials(deepcopy=False):
            if other.number == trial.number or other.state == TrialState.WAITING or not other.params:
                continue
            row = self._row(other, search_space)
            if row is not None:
                records.append(self._record(other, row))
        return records

    def _row(self, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution] | None) -> int | None:
        """The row of a trial's candidate; None if it is none of this space."""
        known = self._rows.get(trial.number)
        if known is not None:
            return known
        if search_space is not None and not set(search_space) <= set(trial.params):
            return None
        wanted = dict(trial.params)

        def choose(point: Any) -> Any:
            value = wanted[point.path]
            if search_space is not None and isinstance(search_space[point.path], CategoricalDistribution):
                return search_space[point.path].choices.index(value)  # type: ignore[attr-defined]
            return internal(point.domain, value)

        try:
            row: int | None = self._current.pool.enter(self._current.pool.source.entry(choose))
        except (ArchError, KeyError, ValueError):
            return None
        if trial.state.is_finished():
            self._rows[trial.number] = row
        return row

    def _record(self, trial: FrozenTrial, row: int) -> Measured:
        """A trial as a measurement; one that was pruned counts with its last value at its own fidelity."""
        if trial.state == TrialState.COMPLETE:
            fidelity = float(trial.user_attrs.get("fidelity", 1.0))
            return Measured(row, tuple(trial.values), fidelity, limits=trial.constraints)
        if trial.state == TrialState.PRUNED and trial.intermediate_values:
            step = max(trial.intermediate_values)
            last = trial.intermediate_values[step]
            figures = self._current.archive.entries[row].figures
            scores = tuple(figures[g.name] if g.static else last for g in self._current.goals)
            if all(score == score for score in scores):
                whole = float(trial.user_attrs.get("steps", step)) or 1.0
                return Measured(row, scores, min(1.0, max(1e-3, step / whole)), limits=trial.constraints)
        return Measured(row, None, failed=trial.state.is_finished())


@cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()


def _any_seed() -> int:
    from secrets import randbelow

    return randbelow(2**31)
