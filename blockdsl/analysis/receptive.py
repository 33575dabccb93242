"""Receptive fields: how much of the input one position of a tensor sees."""

from __future__ import annotations

from typing import NamedTuple

from blockdsl.ir import Graph, Layer


class Field(NamedTuple):
    """The receptive field of one position, per axis (rows, columns), in pixels of the input.

    `size` is None where every position sees the whole input. `jump` is the distance between the
    fields of neighbouring positions; below 1 after upsampling.
    """

    size: tuple[int, int] | None = (1, 1)
    jump: tuple[float, float] = (1.0, 1.0)

    def __str__(self) -> str:
        return "whole" if self.size is None else "x".join(map(str, self.size))


def receptive_fields(graph: Graph) -> dict[int, Field]:
    """The field of every layer's output, by node id.

    A window of k positions on a tensor of jump j adds (k - 1) * j pixels; a stride multiplies the
    jump (Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks",
    Distill 2019, equations 1 and 2). Where branches join, the widest counts. Padding is no limit:
    a field may be larger than the image.
    """
    fields: dict[int, Field] = {}
    for layer in graph.layers():
        if layer.inputs:
            before = _widest([fields[value.node] for value in layer.inputs])
            fields[layer.id] = _through(graph, layer, before)
        else:
            # A vector has no positions: whatever reads it reads all of it.
            fields[layer.id] = Field(None) if len(layer.shape) == 1 else Field()
    return fields


def _widest(fields: list[Field]) -> Field:
    if len(fields) == 1:
        return fields[0]
    jumps = [field.jump for field in fields]
    jump = max(j[0] for j in jumps), max(j[1] for j in jumps)
    sizes = [field.size for field in fields if field.size is not None]
    if len(sizes) < len(fields):
        return Field(None, jump)
    return Field((max(s[0] for s in sizes), max(s[1] for s in sizes)), jump)


def _through(graph: Graph, layer: Layer, before: Field) -> Field:
    window = layer.operation.window(*graph.input_shapes(layer))
    if window is None or before.size is None:
        return Field(None, before.jump)
    (rows, columns), (down, right) = window
    high, wide = before.size
    return Field(
        (high + round((rows - 1) * before.jump[0]), wide + round((columns - 1) * before.jump[1])),
        (before.jump[0] * down, before.jump[1] * right),
    )
