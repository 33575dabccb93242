"""`require` lines on what is known after measuring only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from blockdsl import nodes
from blockdsl.passes.trees import name_of, walk
from blockdsl.search.objectives import Objective
from blockdsl.search.space import Candidate, Space, is_static
from blockdsl.search.survey import text_of


def needed(space: Space) -> list[Objective]:
    """What has to be measured for the limits' sake: accuracy, latencies, scores."""
    found = {}
    for require in space.requires:
        for node in walk(require.condition):
            name = name_of(node)
            if isinstance(node, nodes.Call) and name in ("latency", "score") and len(node.args) == 1:
                word = node.args[0].value.span.text
                found[f"{name}({word})"] = Objective(f"{name}({word})", False, name, word)
            elif name in ("accuracy", "loss"):
                found[name] = Objective(name, name == "accuracy", "trained")
    return list(found.values())


def broken(space: Space, candidate: Candidate, measured: Mapping[str, float]) -> tuple[str, ...]:
    """The limits on measured figures that a network does not meet."""
    names: dict[str, Any] = {**measured, "latency": _by_word("latency", measured)}
    names["score"] = _by_word("score", measured)
    return tuple(
        text_of(r)
        for r in space.requires
        if not is_static(r.condition) and not space.meets(candidate, r, names)
    )


def _by_word(kind: str, measured: Mapping[str, float]) -> Callable[[nodes.Expr], float]:
    return lambda expr: measured[f"{kind}({expr.span.text})"]
