"""Small networks of every kind of structure, for the tests of codegen."""

import pytest
import torch
from torch import Tensor

from blockdsl.ir import Graph
from blockdsl.lowering import lower
from blockdsl.source import Source
from blockdsl.syntax.parser import parse

PLAIN = "input 1x8x8 net CONV(4,3)-RELU-POOL(2)-FC(5)"
RESIDUAL = """
    input 3x8x8
    block conv(c, k, s=1) = CONV(c,k,stride=s,pad=k//2,bias=no)-BN
    block unit(c, s=1) = (conv(c,3,s)-RELU-conv(c,3) + (if s != 1 then conv(c,1,s) else ID))-RELU
    block stage(c, n, s) = unit(c,s)-unit(c)*(n-1)
    net conv(4,3)-RELU-stage(4,1,1)-stage(8,2,2)-GAP-FC(5)
"""
AUXILIARY = """
    input 3x8x8
    block stage(c) = CONV(c,3,p1)-BN-RELU-AUX(early, GAP-FC(5), weight=0.3)-CONV(c,3,p1)
    net stage(4)-POOL(2)-AUX(late, CONV(2,1)-FC(7))-RELU-GAP-FC(5)
"""
SHUFFLE = """
    input 3x8x8
    block unit(c) = SPLIT(2)-[ID, CONV(c//2,1)-BN-RELU]-CAT-SHUFFLE(2)
    net CONV(8,3,p1)-unit(8)*2-GAP-FC(5)
"""
CELLS = """
    input 3x8x8
    block sep(c, k) = DWCONV(k,pad=k//2)-CONV(c,1)-BN
    block cell(prev, c) =
        let a = in-sep(c,3)
        let b = (prev-sep(c,5)) + (a-POOL(3,s1,p1))
        (in-sep(c,3)) | a | b
    block step(prev, n, c) = let out = in-cell(prev, c)
                             out-cells(in, n-1, c)
    block cells(prev, n, c) = if n == 0 then ID else step(prev, n, c)
    net CONV(4,3,p1)-cells(in,2,4)-GAP-FC(5)
"""
FRACTAL = """
    input 3x8x8
    block conv(c) = CONV(c,3,p1)-BN-RELU
    block two(c) = MEAN(conv(c), conv(c)-conv(c), drop=0.15, columns=2)
    net two(4)-POOL(2)-two(4)-GAP-FC(5)
"""
TOKENS = """
    input 3x8x8
    block mix = (ID + LN-ATTENTION(2))-(ID + LN-FC(8)-GELU-FC(4))
    net CONV(4,4,s4)-TOKENS-CLSTOKEN-POSITION-mix*2-TAKE-FC(5)
"""
NETS = {
    "plain": PLAIN, "residual": RESIDUAL, "auxiliary": AUXILIARY, "shuffle": SHUFFLE, "cells": CELLS,
    "fractal": FRACTAL, "tokens": TOKENS,
}  # fmt: skip
every_net = pytest.mark.parametrize("text", NETS.values(), ids=NETS.keys())


def graph_of(text: str) -> Graph:
    return lower(parse(Source("net.arch", text))).graph


def batch(graph: Graph, n: int = 3) -> Tensor:
    return torch.randn(n, *graph.only_input("a test"), generator=torch.Generator().manual_seed(0))


def same(a: object, b: object) -> None:
    torch.testing.assert_close(a, b)


def heads_of(result: Tensor | tuple[Tensor, dict[str, Tensor]]) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else [result[0], *result[1].values()]
