"""What a search asks for: objectives by their words, and what has to be done to know them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.space import Space
from blockdsl.syntax import tree as nodes

STATIC = frozenset(
    {
        "params", "params_aux", "macs", "layers", "depth", "memory", "memory_training", "weights",
        "activations",
    }
)  # fmt: skip
"""Objectives that are known of a candidate before it is measured: figures of `check` and `require`."""

TRAINED = ("accuracy", "loss")
PROXIES = ("params", "macs", "synflow", "jacob_cov", "naswot", "grad_norm", "zen")
CALLED = {"latency": ("cpu", "cuda"), "score": PROXIES}
"""What is measured without training, by what may stand in its brackets."""


@dataclass(frozen=True)
class Objective:
    """Something to be large or small: `accuracy`, `params`, `latency(cpu)`, `mymodule:function`.

    `kind` is `static` (known of the graph), `trained`, `latency`, `score` or `function`; `argument` is
    the device, the proxy, or the function's name.
    """

    name: str
    maximize: bool
    kind: str
    argument: str = ""

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Optuna's word."""
        return "maximize" if self.maximize else "minimize"

    def __str__(self) -> str:
        return f"{self.direction} {self.name}"


def objectives_of(space: Space, trusted: Sequence[str] = ()) -> tuple[Objective, ...]:
    """The objectives of a file; accuracy, if it has none.

    Args:
        space: the file.
        trusted: functions (`mymodule:function`) that the user lets the file call.

    Raises:
        ArchError: an objective is unknown, comes twice, or calls a function that is not trusted.
    """
    found = [_objective(line, trusted) for line in space.objectives]
    for index, objective in enumerate(found):
        if objective.name in {o.name for o in found[:index]}:
            raise error("search", f"{objective.name} is an objective twice", space.objectives[index].span)
    return tuple(found) or (Objective("accuracy", True, "trained"),)


def _objective(line: nodes.Objective, trusted: Sequence[str]) -> Objective:
    metric, maximize = line.metric, line.direction == "maximize"
    match metric:
        case nodes.Path(steps=(nodes.Step(name=name, indices=()),)):
            if name in STATIC:
                return Objective(name, maximize, "static")
            if name in TRAINED:
                return Objective(name, maximize, "trained")
        case nodes.Call(name=kind, args=(nodes.Arg(name=None, value=value),)) if kind in CALLED:
            return called(kind, value, maximize=maximize)
        case nodes.Label():
            return _function(metric, maximize, trusted)
    listed = "accuracy, loss, params, macs, memory, latency(cpu), score(synflow), mymodule:function, …"
    known = [*TRAINED, *sorted(STATIC), *(f"{kind}({word})" for kind in CALLED for word in CALLED[kind])]
    raise error(
        "search", f"{metric.span.text} is no objective", metric.span,
        help=did_you_mean(metric.span.text, known, f"objectives are {listed}"),
    )  # fmt: skip


def called(kind: str, value: nodes.Expr, *, maximize: bool) -> Objective:
    """`latency(cpu)`, `score(synflow)` (raises `ArchError` where there is no such one)."""
    word = value.span.text
    if word not in CALLED[kind]:
        choices = ", ".join(f"{kind}({name})" for name in CALLED[kind])
        raise error("search", f"there is no {kind} of {word}", value.span, help=f"there is {choices}")
    return Objective(f"{kind}({word})", maximize, kind, word)


def _function(metric: nodes.Label, maximize: bool, trusted: Sequence[str]) -> Objective:
    """`mymodule:function`, which is Python, and no part of the language."""
    name = "".join(metric.span.text.split())
    if name not in trusted:
        raise error(
            "search", f"the file wants to call the Python function {name}", metric.span,
            help=f"if you trust it: --trust {name}",
        )  # fmt: skip
    return Objective(name, maximize, "function", name)
