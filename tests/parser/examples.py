"""Texts in the language: what its page shows, and every file that is shipped."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).parents[2]

PAGE = {
    "bare": "CONV(96,11,s4)-RELU-POOL(3,s2)-CONV(256,5,p2)-RELU-POOL(3,s2)-FC(1000)\n",
    "resnet50": """\
# ResNet-50, v1: the stride is on the first 1x1 (He et al., 2015).
title "ResNet-50"
year  2015
paper "Deep Residual Learning for Image Recognition"
input 3x224x224
param classes = 1000

block conv(c, k, s=1) = CONV(c, k, stride=s, pad=k//2, bias=no)-BN

block bottleneck(c, s=1) =
    (conv(c,1,s)-RELU-conv(c,3)-RELU-conv(4*c,1)
     + (if s != 1 or in.c != 4*c then conv(4*c,1,s) else ID))-RELU

block stage(c, n, s) = bottleneck(c,s)-bottleneck(c)*(n-1)

net conv(64,7,2)-RELU-POOL(3,s2,p1)
   -stage(64,3,1)-stage(128,4,2)-stage(256,6,2)-stage(512,3,2)
   -GAP-FC(classes)

check params == 25_557_032
check macs   == 3_857_973_248
check shape(stage[2]) == 512x28x28  # any named point; the second call of `stage`

train
    optimizer = sgd(lr=0.1, momentum=0.9, weight_decay=1e-4)
    schedule  = plateau(factor=0.1)
    batch     = 256
    augment   = crop + flip
""",
    "blocks": """\
block fractal(n, c) = if n == 1 then conv(c) else MEAN(conv(c), fractal(n-1,c)-fractal(n-1,c))
block dense(k) = ID | BN-RELU-CONV(4*k, 1, bias=no)-BN-RELU-CONV(k, 3, p1, bias=no)
block se(r) = ID*(GAP-CONV(in.c//r,1)-RELU-CONV(in.c,1)-SIGMOID)
block unet(d, c) =
    if d == 0 then double(c)
    else double(c)-(ID | POOL(2)-unet(d-1,2*c)-UP(2,c))-double(c)
net (unit(16*i, drop=0.5*i/n) for i in 1..n)
""",
    "points": """\
block cell(c) =
    let a = in-sep(c,3)
    let b = (in-sep(c,5)) + (a-POOL(3,s1,p1))
    (in-sep(c,3)) | a | b
block cells(prev, n, c) = if n == 0 then ID else step(prev, n, c)
block step(prev, n, c) =
    let out = in-cell(prev, c)
    out-cells(in,n-1,c)
net conv1:CONV(96,11,s4)-RELU-stem:(A-B)-AUX(aux, head, weight=0.3)
""",
    "search": """\
let w = {32, 64}
let table = [[0, 1, 2], [1, 2, 3]]
let width(i) = 8*round(2**(i/4)/8)
net conv({16..128 step 16}, 3)*{2..6}-DROPOUT({1e-4..1e-1 log})-A?-{CONV(64,3,p1), ID}

search
    maximize accuracy
    minimize macs
    require  params <= 500k
    require  macs   <= 40M
""",
}

FILES = [path for kind in ("zoo", "search") for path in sorted((_ROOT / kind).rglob("*.arch"))]

TEXTS = {**PAGE, **{str(path.relative_to(_ROOT)): path.read_text(encoding="utf-8") for path in FILES}}
