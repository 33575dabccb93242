"""`head[1]`, `head[2]`: the points of a shared network, whatever else its applications are called."""

from __future__ import annotations

import pytest

import blockdsl

TEXTS = [
    """
input 1x32x32
shared head = CONV(1,3,p1)-RELU
net a:head-b:head
check shape(head[1]) == 1x32x32
check shape(head[2].conv[1]) == 1x32x32
check shape(a) == 1x32x32
check shape(b.conv) == 1x32x32
    """,
    """
input 1x32x32
shared head = CONV(1,3)-RELU
net a:(ID-ID)-b:head-head-c:head
check shape(head[1]) == 1x30x30
check shape(head[2]) == 1x28x28
check shape(head[3]) == 1x26x26
    """,
    """
input 1x32x32
shared head = CONV(1,3)-RELU
net a:(RELU-head)-b:(RELU-head)
check shape(head[1]) == 1x30x30
check shape(head[2]) == 1x28x28
check shape(b.head[1]) == 1x28x28
    """,
    """
input 1x32x32
shared head = CONV(1,3)-RELU
block f = RELU-head
net f*3
check shape(head[1]) == 1x30x30
check shape(head[3]) == 1x26x26
    """,
    """
input 1x32x32
block f =
  shared h = CONV(1,3)-RELU
  a:h-b:h
net f*2
check shape(f[2].h[2]) == 1x24x24
check shape(f[2].b) == 1x24x24
    """,
    """
input 1x32x32
shared head = CONV(1,3)-RELU
net
  let p = in-a:head
  let q = in-b:head
  q-c:head-head
check shape(head[1]) == 1x30x30
check shape(head[3]) == 1x26x26
check shape(head[2]) == 1x28x28
    """,
    """
input 1x32x32
shared head = CONV(1,3)-RELU
net
  let p = in-a:head
  let q = p-b:head
  let l = [in-x:head, q]
  l[2]-CONV(1,1)-head
check shape(head[1]) == 1x30x30
check shape(head[3]) == 1x26x26
check shape(head[2]) == 1x28x28
check params == 10+2
    """,
    """
input 2x32x32
block two = [CONV(1,3)-RELU, CONV(1,3)]
shared head = two
net [a:head, b:head]
check shape(head[2].conv[2]) == 1x30x30
    """,
    """
input 2x32x32
shared head = CONV(2,3)
net a:head-b:head
check shape(head[2]) == 2x28x28
    """,
    """
input 2x32x32
shared head = CONV(2,3)
net (p:head for i in 1..3)
check shape(head[2]) == 2x28x28
check shape(p[3]) == 2x26x26
    """,
]


@pytest.mark.parametrize("text", TEXTS)
def test_its_points_are_counted(text: str) -> None:
    network = blockdsl.parse(text)
    assert network.check() == text.count("check")
    module = network.module()
    assert sum(parameter.numel() for parameter in module.parameters()) == network.summary().params
