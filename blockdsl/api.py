"""The library in Python: load a file or a text, look at the network, build it.

net = blockdsl.load("alexnet")
net.summary()                       # the table; nothing of PyTorch is loaded for it
model = net.module(device="cuda")   # a torch.nn.Module
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from blockdsl.architecture import Architecture
from blockdsl.ir import Graph
from blockdsl.lowering import lower
from blockdsl.ops import InputSizes, Sizes
from blockdsl.resources import find_source
from blockdsl.source import Source
from blockdsl.syntax.parser import parse as parse_source

if TYPE_CHECKING:
    from torch import nn


def load(
    path: str | Path, *, input: InputSizes | None = None, settings: Mapping[str, Any] | None = None
) -> Architecture:
    """An `.arch` file, or a network of the zoo by its name.

    `input` is the shape without the batch axis, where the file has none or another one is wanted;
    `settings` are values for the file's `param` lines.

    Raises:
        ArchError: anything wrong with the file; `check` lines are run by `check()` and `module()`.
    """
    return architecture(find_source(path), input=input, settings=settings)


def parse(
    text: str, *, input: InputSizes | None = None, settings: Mapping[str, Any] | None = None
) -> Architecture:
    """A text in the language, as `load` does it with a file's."""
    return architecture(Source("<text>", text), input=input, settings=settings)


def format_text(text: str) -> str:
    """A text of the language, laid out as `blockdsl fmt` does it: the comments stay, and the network too.

    Raises:
        ArchError: the text is not in the language.

    >>> print(format_text("input 3x8x8 net conv1 : CONV(8,3)-RELU"), end="")
    input 3x8x8
    net conv1:CONV(8,3)-RELU
    """
    from blockdsl.syntax.printer import format_file

    return format_file(parse_source(Source("<text>", text)))


def architecture(
    source: Source, *, input: InputSizes | None = None, settings: Mapping[str, Any] | None = None
) -> Architecture:
    """A source, parsed and lowered."""
    given = dict(settings or {})
    program = lower(parse_source(source), input=input, settings=given)
    return Architecture(program, input, given)


@overload
def dense(network: Architecture, *, input: Sizes | None = None, fine: str = "") -> Architecture: ...
@overload
def dense(network: nn.Module, *, input: Sizes | None = None, fine: str = "") -> nn.Module: ...
def dense(
    network: Architecture | nn.Module, *, input: Sizes | None = None, fine: str = ""
) -> Architecture | nn.Module:
    """A classifier of images of one size, slid over larger images in one pass (OverFeat, section 3.5).

    Fully connected layers become convolutions with the same weights, global pools become pools of
    the size that they saw. A map (N, classes, rows, columns) comes out: an answer for each place of
    the window, as if the window were cut out and run by itself. Where layers pad, they pad around
    the larger image and not around each window, so answers differ near the borders of windows.

    Args:
        network: an architecture, or a module that `Architecture.module()` made, whose weights are shared.
        input: the shape that the new graph is for; the module takes other sizes too.
        fine: the name of the last layer with a stride. It then moves by one, so that answers lie
            closer together: OverFeat's shifted pools, interleaved (section 3.3).

    Raises:
        ArchError: a layer depends on the size of the image; it is named.
    """
    if isinstance(network, Architecture):
        graph = _dense(network.ir, input, fine)
        return replace(network, program=replace(network.program, graph=graph, checks=()))
    from blockdsl.codegen import dense_module, graph_of

    return dense_module(network, _dense(graph_of(network), input, fine))


def _dense(graph: Graph, input: Sizes | None, fine: str) -> Graph:
    from blockdsl.passes.densify import densify
    from blockdsl.passes.refine import refine

    graph = densify(graph, input)
    return refine(graph, graph.point(fine)) if fine else graph
