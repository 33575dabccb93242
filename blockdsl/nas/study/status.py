"""How far a search is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from optuna.study import Study
from optuna.trial import FrozenTrial

from blockdsl.analysis.checks import IN_BYTES
from blockdsl.formatting import rounded
from blockdsl.nas.objectives import Objective
from blockdsl.nas.study.ranking import front
from blockdsl.nas.study.records import (
    DUPLICATE,
    FAILURES,
    INFEASIBLE,
    MEASURED,
    PRUNED,
    REFUSED,
    SKIPPED,
    Record,
    records,
)


@dataclass(frozen=True)
class Status:
    """Counts of outcomes, the best trials, and the time that is left."""

    target: int
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why networks were infeasible or not worth training."""
    best: Sequence[FrozenTrial] = ()
    spent: float = 0.0
    new: int = 0
    """Measured since the command began."""
    ended: Mapping[int, tuple[FrozenTrial, Record]] = field(default_factory=dict)
    """The trials that ended, by number."""

    @property
    def measured(self) -> int:
        """Trials that cost a measurement."""
        return sum(self.counts[outcome] for outcome in MEASURED)

    @property
    def crashed(self) -> list[int]:
        """The numbers of the trials that keep a traceback."""
        return [number for number, (_, record) in self.ended.items() if record.traceback]

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None before there is one."""
        return (self.target - self.measured) * self.spent / self.new if self.new else None

    def words(self) -> str:
        """What was saved and lost: `12 pruned, 3 duplicates not trained again, 5 infeasible replaced`."""
        failed = sum(self.counts[outcome] for outcome in FAILURES)
        parts = [
            (self.counts[PRUNED], "pruned"),
            (self.counts[DUPLICATE], "duplicates known already"),
            (self.counts[INFEASIBLE], "infeasible replaced"),
            (self.counts[REFUSED], "that do not go together replaced"),
            (self.counts[SKIPPED], "not worth training"),
            (failed, "failed"),
        ]
        return ", ".join(f"{n} {word}" for n, word in parts if n) or "none pruned, duplicate or infeasible"


def status(study: Study, target: int, spent: float = 0.0, before: int = 0) -> Status:
    """The status of a study; `before` were measured when the command began, `spent` seconds ago."""
    found = records(study)
    ended = [record for _, record in found.values()]
    counts = Counter(record.outcome for record in ended)
    reasons = Counter(record.why for record in ended if record.outcome in (INFEASIBLE, SKIPPED))
    new = sum(counts[outcome] for outcome in MEASURED) - before
    return Status(target, counts, reasons, front(study), spent, new, found)


def values_text(objectives: Sequence[Objective], values: Sequence[float]) -> str:
    """`accuracy 97.20%, params 12,345`."""
    return ", ".join(f"{o.name} {value_text(o.name, v)}" for o, v in zip(objectives, values, strict=True))


def value_text(name: str, value: float) -> str:
    """A value as a person reads it, with its unit."""
    if name == "accuracy":
        return f"{value:.2%}"
    if name.startswith("latency"):
        return f"{value:.2f} ms"
    text = f"{value:,.0f}" if float(value).is_integer() else rounded(value)
    return f"{text} {unit_of(name)}".rstrip()


def unit_of(name: str) -> str:
    """The unit of an objective: `bytes` of `memory`, `ms` of a latency; empty where there is none."""
    return "bytes" if name in IN_BYTES else "ms" if name.startswith("latency") else ""


def trial_text(objectives: Sequence[Objective], trial: FrozenTrial, record: Record) -> str:
    """One line on a trial that was measured."""
    known = [o for o in objectives if o.name in record.measured]
    values = values_text(known, [record.measured[o.name] for o in known])
    why = f" ({record.why})" if record.why else ""
    beyond = f" (beyond {', '.join(record.broken)})" if record.broken else ""
    return f"trial {trial.number:>4}  {record.outcome}{why}  {values}{beyond}  {record.seconds:.1f} s"
