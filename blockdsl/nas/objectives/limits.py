"""`require` lines on what is known after measuring only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from blockdsl.nas.objectives.objective import CALLED, TRAINED, Objective, called
from blockdsl.space import Candidate, Space, is_static
from blockdsl.space.draws import text_of
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import name_of
from blockdsl.syntax.traversal import walk


def wanted(space: Space, objectives: Sequence[Objective]) -> tuple[Objective, ...]:
    """The objectives, and what else has to be measured for the limits' sake.

    Raises:
        ArchError: a limit names a score or a device that there is not.
    """
    found = {o.name: o for o in objectives}
    for require in space.requires:
        for node in walk(require.condition):
            name = name_of(node)
            if isinstance(node, nodes.Call) and name in CALLED and len(node.args) == 1:
                objective = called(name, node.args[0].value, maximize=False)
                found.setdefault(objective.name, objective)
            elif name in TRAINED:
                found.setdefault(name, Objective(name, name == "accuracy", "trained"))
    return tuple(found.values())


def broken(
    space: Space, candidate: Candidate, measured: Mapping[str, float], *, trained: bool = True
) -> tuple[str, ...]:
    """The limits on measured figures that a network does not meet.

    Args:
        space: with the limits.
        candidate: the network.
        measured: what is known of it.
        trained: False for a look before training, at the limits that need none.

    Raises:
        KeyError: a limit names what was not measured.
    """
    names = _names(measured)
    decided = [r for r in space.requires if not is_static(r.condition) and (trained or not _trains(r))]
    return tuple(text_of(r) for r in decided if not space.meets(candidate, r, names))


def excess(space: Space, candidate: Candidate, measured: Mapping[str, float]) -> dict[str, float]:
    """By how much a network is beyond each limit on measured figures: 0 or below for one that is met.

    The difference of what a limit compares; of any other condition 1 or 0. (Samplers learn from it.)

    Raises:
        KeyError: as `broken`.
    """
    names = {**candidate.figures, **_names(measured)}
    found = {}
    for require in space.requires:
        if not is_static(require.condition):
            sides = _sides(require.condition)
            values: list[Any] = [candidate.program.evaluate(side, names) for side in sides]
            holds = space.meets(candidate, require, names)  # refuses what compares no numbers
            beyond = values[0] - values[1] if values else not holds
            found[text_of(require)] = float(beyond)
    return found


def _sides(condition: nodes.Expr) -> tuple[nodes.Expr, ...]:
    """What a comparison wants to be small, and what large; nothing of another condition."""
    match condition:
        case nodes.Binary(op="<" | "<=", left=small, right=large):
            return small, large
        case nodes.Binary(op=">" | ">=", left=large, right=small):
            return small, large
    return ()


def _names(measured: Mapping[str, float]) -> dict[str, Any]:
    """What a condition may name."""
    return {**measured, **{kind: _by_word(kind, measured) for kind in CALLED}}


def _trains(require: nodes.Require) -> bool:
    """Whether a limit is on what training yields or costs."""
    return any(name_of(node) in (*TRAINED, "seconds") for node in walk(require.condition))


def _by_word(kind: str, measured: Mapping[str, float]) -> Callable[[nodes.Expr], float]:
    return lambda expr: measured[f"{kind}({expr.span.text})"]
