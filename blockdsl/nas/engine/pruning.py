"""When to give up a trial: rules on one metric that work whatever the objectives are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from optuna.study import Study

Curve = dict[int, float]
"""A trial's metric by the epochs it was trained, larger is better."""

Rule = Callable[[int, int, Curve, Iterable[Curve]], bool]
"""(number of the trial, epochs in all, its curve, those of others) -> whether to give it up."""

REDUCTION = 3
"""Of so many trials one goes on at each rung."""


def rungs(epochs: int, first: int = 1) -> list[int]:
    """The epochs at which trials are compared: 1, 3, 9, … below the last."""
    found = []
    while first < epochs:
        found.append(first)
        first *= REDUCTION
    return found


def asha(number: int, epochs: int, curve: Curve, others: Iterable[Curve], first: int = 1) -> bool:
    """Asynchronous successive halving (Li et al., 2020, arXiv:1810.05934, stopping form).

    At a rung a trial goes on if it is among the best third of those that came so far.
    """
    step = max(curve)
    if step not in rungs(epochs, first):
        return False
    values = [c[step] for c in others if step in c]
    better = sum(value > curve[step] for value in values)
    return len(values) >= REDUCTION - 1 and better >= max(1, (len(values) + 1) // REDUCTION)


def hyperband(number: int, epochs: int, curve: Curve, others: Iterable[Curve]) -> bool:
    """Brackets of `asha` that begin at later rungs in turn (Li et al., 2018, arXiv:1603.06560)."""
    starts = rungs(epochs) or [epochs]
    return asha(number, epochs, curve, others, starts[number % len(starts)])


def median(number: int, epochs: int, curve: Curve, others: Iterable[Curve]) -> bool:
    """Below the median of the others at the same epoch (Golovin et al., "Google Vizier", 2017, 3.5)."""
    step = max(curve)
    values = sorted(c[step] for c in others if step in c)
    return step < epochs and len(values) >= 4 and curve[step] < values[len(values) // 2]


RULES: dict[str, Rule] = {
    "none": lambda number, epochs, curve, others: False,
    "asha": asha,
    "hyperband": hyperband,
    "median": median,
}


def curves(study: Study, without: int) -> list[Curve]:
    """The curves of all other trials."""
    trials = study.get_trials(deepcopy=False)
    return [t.intermediate_values for t in trials if t.number != without and t.intermediate_values]
