"""Short ways to lower a text and to look at what came out."""

from __future__ import annotations

from typing import Any

import pytest

from blockdsl.diagnostics import ArchError
from blockdsl.ir import Graph, Layer
from blockdsl.lowering import ChoicePoint, Options, Program, lower
from blockdsl.source import Source
from blockdsl.syntax.parser import parse

INPUT = (3, 32, 32)


def program(text: str, *, name: str = "t.arch", **options: Any) -> Program:
    """The program of a text, with an input of 3x32x32 where it has none."""
    if "input" not in text:
        options.setdefault("input", INPUT)
    return lower(parse(Source(name, text)), **options)


def graph(text: str, **options: Any) -> Graph:
    return program(text, **options).graph


def layers(text: str, **options: Any) -> list[str]:
    """Every layer but the input as `name: OPERATION -> shape`."""
    return [described(layer) for layer in graph(text, **options).layers() if layer.id]


def described(layer: Layer) -> str:
    return f"{layer.name}: {layer.operation} -> {'x'.join(map(str, layer.shape))}"


def operations(text: str, **options: Any) -> list[str]:
    """The operations as written, without names."""
    return [str(layer.operation) for layer in graph(text, **options).layers() if layer.id]


def output(text: str, **options: Any) -> tuple[int, ...]:
    return graph(text, **options).only_output("a test")


def wiring(text: str, **options: Any) -> list[tuple[int, ...]]:
    """For every layer but the input the ids of the nodes that it takes."""
    return [tuple(v.node for v in layer.inputs) for layer in graph(text, **options).layers() if layer.id]


def message(text: str, **options: Any) -> str:
    """The whole message that a text is refused with."""
    with pytest.raises(ArchError) as refused:
        program(text, **options)
    return str(refused.value)


class Chooser:
    """Decides by path, else takes the first option or the lower end; keeps what it was asked."""

    def __init__(self, **by_path: int | float) -> None:
        self.by_path = by_path
        self.asked: list[str] = []

    def __call__(self, point: ChoicePoint) -> int | float:
        self.asked.append(point.path)
        first = 0 if isinstance(point.domain, Options) else point.domain.low
        return self.by_path.get(point.path, first)
