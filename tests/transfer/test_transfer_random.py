"""Random networks with parallel layers of equal shapes, in any order: carried right, or refused."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

import blockdsl
from blockdsl.diagnostics import ArchError
from blockdsl.transfer import State, carry

Forward = Callable[[Tensor], Tensor]
WIDTH = 4


@dataclass
class Scope:
    """A prefix of names: layers and scopes under it; numbers are given in an order of execution."""

    stem: str = ""
    names: set[str] = field(default_factory=set)
    inside: list[tuple[str, Tensor | Scope]] = field(default_factory=list)


class Foreign:
    """A random network: its text in the language, its state dict and what it computes, made apart."""

    def __init__(self, draw: random.Random, *, numbered: bool, labels: float) -> None:
        self.draw, self.numbered, self.labels = draw, numbered, labels
        self.labelled: set[str] = set()
        root = Scope(draw.choice(["", "m", "conv"]))
        self.text, self.forward = self._network(root, 3)
        self.state: dict[str, Tensor] = {}
        self._register(root, "")

    def _network(self, scope: Scope, depth: int) -> tuple[str, Forward]:
        kind = self.draw.choice(["layer", "series", "sum", "cat", "residual"]) if depth else "layer"
        if kind == "layer":
            kernel = self.draw.choice([1, 1, 3])
            return self._layer(scope, WIDTH, kernel)
        if self.draw.random() < 0.6:
            inner = Scope(self.draw.choice(["", "m", "conv"]))
            scope.inside.append((self._name(scope), inner))
            scope = inner
        if kind == "residual":
            text, inner_forward = self._network(scope, depth - 1)
            return f"({text} + ID)", lambda x: inner_forward(x) + x
        count = self.draw.choice([2, 2, 3])
        if kind == "series":
            made = [self._network(scope, depth - 1) for _ in range(count)]
            return f"({'-'.join(text for text, _ in made)})", in_series([forward for _, forward in made])
        branches = {at: self._network(scope, depth - 1) for at in self.draw.sample(range(count), count)}
        text = ", ".join(branches[at][0] for at in range(count))
        forwards = [branches[at][1] for at in range(count)]
        if kind == "sum":
            return f"([{text}]-SUM)", lambda x: torch.stack([forward(x) for forward in forwards]).sum(0)
        last, reduce = self._layer(scope, WIDTH * count, 1)
        return f"([{text}]-CAT-{last})", lambda x: reduce(torch.cat([forward(x) for forward in forwards], 1))

    def _layer(self, scope: Scope, width: int, kernel: int) -> tuple[str, Forward]:
        weight = torch.randn(WIDTH, width, kernel, kernel, dtype=torch.float64) / width**0.5
        name = self._name(scope)
        scope.inside.append((name, weight))
        named = not self.numbered and self.draw.random() < self.labels
        text = f"{name}:" if named and name not in self.labelled else ""
        self.labelled.add(name)
        text += f"CONV({WIDTH},{kernel},pad={kernel // 2},bias=no)-RELU"
        return text, lambda x: F.conv2d(x, weight, padding=kernel // 2).relu()

    def _name(self, scope: Scope) -> str:
        while True:
            name = f"{scope.stem}{len(scope.names)}" if self.numbered else self._letters()
            if name not in scope.names:
                scope.names.add(name)
                return name

    def _letters(self) -> str:
        return "".join(self.draw.choices("abcdefgh", k=3))

    def _register(self, scope: Scope, prefix: str) -> None:
        inside = self.draw.sample(scope.inside, len(scope.inside))
        for name, what in scope.inside if self.draw.random() < 0.3 else inside:
            if isinstance(what, Scope):
                self._register(what, f"{prefix}{name}.")
            else:
                self.state[f"{prefix}{name}.weight"] = what


def in_series(forwards: list[Forward]) -> Forward:
    def forward(x: Tensor) -> Tensor:
        for one in forwards:
            x = one(x)
        return x

    return forward


def outcome(seed: int, *, numbered: bool, labels: float, ordered: bool) -> str:
    """Whether a network's weights arrive where they belong."""
    torch.manual_seed(seed)
    foreign = Foreign(random.Random(seed), numbered=numbered, labels=labels)
    state = State(foreign.state if ordered else sorted(foreign.state.items()))
    state.ordered = ordered
    network = blockdsl.parse(f"net {foreign.text}", input=(WIDTH, 5, 5))
    try:
        carried, report = carry(state, network.ir)
    except ArchError as refused:
        assert "cannot tell which layer is which" in str(
            refused
        ) or "have the same layers in other modules" in str(refused)
        return "refused"
    assert not report.by_order
    module = network.module(seed=0).double()
    module.load_state_dict(carried)
    x = torch.randn(2, WIDTH, 5, 5, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(module(x), foreign.forward(x), atol=1e-9), (seed, foreign.text, report.matched)
    return "right"


def test_carried_right_or_refused() -> None:
    found: Counter[tuple[str, str]] = Counter()
    for seed in range(60):
        for labels in (0.0, 1.0):
            found["names", outcome(seed, numbered=False, labels=labels, ordered=seed % 3 > 0)] += 1
        found["numbers", outcome(seed, numbered=True, labels=0, ordered=seed % 3 > 0)] += 1
    assert min(found.values()) >= 12 and len(found) == 4
