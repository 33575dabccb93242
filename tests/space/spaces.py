"""Spaces that are hard to count and to freeze: every way in which a choice can stand in a file."""

from blockdsl.source import Source
from blockdsl.space import Space

_IMAGE = "input 3x16x16\n"

SPACES = {
    "nested": "net {CONV({8,16},{1,3},pad=same)-RELU, {POOL({2,3}), CONV(4,1)-{RELU,TANH?}}}-GAP-FC(10)",
    "optional": "net CONV(8,3)-(RELU-CONV(8,3))?-TANH?-ID",
    "optional in joins": "net CONV(8,3,p1)-(ID + CONV(8,3,p1)?)-(ID | RELU?)",
    "let-bound network": "let u = CONV({8,16},1)-{RELU,TANH}\nnet u-u",
    "let-bound repetition": "let u = CONV({8,16},1)*2\nnet u-u",
    "let-bound choice": "let u = {CONV({8,16},1), RELU}\nnet u-u",
    "let-bound numbers": "let w = {8..32 step 8}\nlet d = w*{1,2}\nnet CONV(w,3)-CONV(d,1)",
    "lets of a block": "block f =\n let w = {8,16}\n let a = in-CONV(w,3,p1)-{RELU,TANH}\n"
    " let b = (in-CONV(w,1)) + a\n (in-CONV(8,1)) | a | b\nnet f-f",
    "repeated block": "block f = CONV({8,16},1)-RELU?\nnet f*2-f*{0..2}",
    "repeated choice of number": "net (CONV({8,16},{1,3},p1))*{1..2}-RELU",
    "repeated choice": "net {RELU,TANH}*3",
    "repetitions and labels": "net (RELU*{1..2}-a:{RELU,TANH}*2-(CONV(2,1)-b:{RELU,TANH}))*{1..2}-a:GAP",
    "comprehension": "block f(c) = CONV(c*{1,2},1)-RELU\nnet (f(4*i) for i in 1..3)",
    "list comprehension": "let ws = [{8,16} for i in 1..3]\nnet (CONV(w,1) for w in ws)",
    "comprehension in another": "net (CONV(4*i*{1,2},1)-(CONV(i,1) for j in 1..{1,2}) for i in 1..{1..3})",
    "comprehension over a list": "net (CONV(w,{1,3},p1) for w in [4,8,{8,16}])",
    "comprehension over lists": "net (CONV(k[1],k[2],pad=same)-{RELU,TANH} for k in [[2,3],[4,5]])",
    "function": "let width(i) = 8*i*{1,2}\nnet CONV(width(1),1)-CONV(width(2),1)-CONV(width(1),1)",
    "function with a default": "let width(i, k={1,2}) = 8*i*k\nnet CONV(width(1),1)-CONV(width(2,3),1)",
    "function that calls": "let a(i) = i*{1,2}\nlet b(i) = a(i)+a(i)\nnet CONV(b(2),1)-CONV(b(2),1)",
    "function of a block": "block f(c) = let w(i) = c*i\n CONV(w(1),1)-CONV(w({1,2}),1)\nnet f(4)-f(8)",
    "defaults": "block f(c={8,16}, act={RELU,TANH}) = CONV(c,1)-act\n"
    "net f-f(3)-f(act=SIGMOID)-f(4, GELU)",
    "default that is a network": "block f(act=CONV({4,8},1)-{RELU,TANH}) = act-act\nnet f-f",
    "default that sees another": "block f(c={8,16}, d=c*{1,2}) = CONV(c,1)-CONV(d,1)\nnet f-f(4)-f(4,5)",
    "default that is not used": "block f(c, act={RELU,TANH}) = if c > 4 then CONV(c,1)-act else CONV(c,1)\n"
    "net f(4)-f({2,8})",
    "networks as arguments": "block twice(u) = u-u\nnet twice(CONV({8,16},1))-twice({RELU,TANH})"
    "-twice({CONV(3,1)-RELU, TANH-CONV(3,1)})",
    "blocks as arguments": "block a(c) = CONV(c,1)-{RELU,TANH}\nblock stage(unit, n) = unit*n\n"
    "block u = a(8)\nnet stage(u,2)-stage({u,RELU},2)",
    "blocks handed on": "block a(c, s=1) = CONV(c,{1,3},stride=s,pad=1)-{RELU,TANH}\n"
    "block stage(c, unit, n) = unit(c,s2)-(x:unit(c))*n\n"
    "block both(v, n) = let w = v\n stage(4, v, n)-stage(unit=w, c=8, n=1)\nblock r(c,s=1) = RELU\n"
    "net both(a, 1)-stage(3, r, 1)",
    "recursion": "block f(n) = if n == 0 then ID else CONV({4,8},1)-f(n-1)\nnet f(3)",
    "recursion of chosen depth": "block conv(c) = CONV(c,{1,3},pad=same)\n"
    "block fractal(n, c) = if n == 1 then conv(c) else MEAN(conv(c), fractal(n-1,c)-fractal(n-1,c))\n"
    "net fractal({1..3}, 4)",
    "if on a choice": "let deep = {no, yes}\nnet (if deep then CONV({4,8},1) else RELU)-TANH",
    "if on a shape": "block f = if in.c == 4 then CONV({4,8},1) else RELU?\nnet CONV({4,8},1)-f-f",
    "if on two choices": "let a = {1,2}\nlet b = {1,2}\n"
    "net if a == 2 and b == 2 then CONV({4,8,16},1) else RELU",
    "labels": "net a:CONV({8,16},1)-(act:{RELU,TANH})*2-b:(CONV(3,1)-{RELU,TANH})-c:(RELU?)",
    "params": "param w = {8,16}\nparam k = {1,3}\nnet CONV(w,k)-CONV(w,1)",
    "blocks of the zoo": 'use "blocks/residual.arch"\n'
    "block s(c, n, s=1) = {stage(basic,c,n,s), stage(plain,c,n,s), stage(basic_a,c,n,s)}\n"
    "net conv({8,16},3)-RELU-s(16,{1..2})-s({16,32},1,2)-GAP-FC(10)",
    "bundle": "net SPLIT(3)-[CONV({4,8},1), {RELU,TANH}, (CONV({1,2},1) for i in 1..1)]-CAT",
    "mean": "block p = CONV(4,{1,3},pad=same)\nnet MEAN(p, p, CONV(4,1)-{RELU,TANH}, drop={0.0,0.1})",
    "auxiliary head": "net CONV(8,1)-AUX(h, GAP-FC({10,20}), weight={0.1,0.3})-RELU-GAP-FC(10)",
    "gates": "block se(r) = ID * (GAP-CONV(max(1,in.c//r),1)-RELU-CONV(in.c,1)-SIGMOID)\n"
    "block unit(c) = CONV(c,{1,3},pad=same)-se({2,4})?\nnet unit(8)-unit(8)*2",
    "kernels": "net CONV(4,{1x3,3x1,3})-POOL({2,3},stride={1,2})",
    "index": "let ws = [8,16,24]\nnet CONV(ws[{1..3}],1)",
    "lists": "let ws = {[8,16],[4,4,4]}\nnet (CONV(w,1) for w in ws)-CONV(len(ws),1)",
    "tensors as arguments": "block cell(prev, c) = (in-CONV(c,{1,3},pad=same)) + (prev-CONV(c,1))\n"
    "block step(prev, n, c) = let out = in-cell(prev, c)\n out-cells(in, n-1, c)\n"
    "block cells(prev, n, c) = if n == 0 then ID else step(prev, n, c)\n"
    "net let a = in-CONV(4,1)\n a-cells(in, {1..2}, 4)",
    "differences": "let a = 16 - {2,4} - {1..2}\nlet b = 20-{2-1, 3+1}\nnet CONV(a,1)-CONV(b,1)",
    "signs": "let a = {-2..2}\nnet CONV(8+a,1)-CONV(8-a,1)",
    "precedence": "let a = 2*{1+2, 4-1, 3}\nlet c = 2**{1,2}**2\nnet CONV(a,1)-CONV(c,1)",
    "words": 'net CONV(4,3,pad={"same", 1})-POOL(2,ceil={yes,no})',
    "words without quotes": "net CONV(4,3,pad={same, 1, {0, same}})-MEAN(TANH, RELU)\n"
    "train\n schedule = steps(at=[3], by={epoch, iteration})\n optimizer = sgd(lr=0.1)",
    "function of a block that chooses": "block f(c) = let w(i, k={1,2}) = i*k*{1,2}\n"
    " CONV(w(c),1)-CONV(w(c,3),1)-CONV(w({2,4}),1)\nnet f(4)-f(8)",
    "function of a block that calls itself": "block f(n) = let w(i) = if i == 0 then 4 else w(i-1)*{1,2}\n"
    " CONV(w(n),1)-CONV(w(1),1)\nnet f(1)-f(2)",
    "names that are taken": "block f_2 = RELU\nblock f = CONV({4,8},1)\nnet f-f-f_2",
    "blocks of blocks": "block g(c) = CONV(c,1)-{RELU,TANH}\nblock f(c) = g({c, 2*c})-g(c)\nnet f(4)-f(8)",
    "an argument used twice": "block f(u) = let w = {4,8}\n CONV(w,1)-u-CONV(w,1)-u\n"
    "net f({RELU,TANH})-f(CONV({2,3},1))",
    "training": "net GAP-FC(10)\ntrain\n optimizer = {sgd(lr={0.01,0.1}), adam(lr={1e-3,1e-2})}\n"
    " batch = {32, 64}\n augment = (crop(pad={1,2}) + flip?)? + cutout?\n init = {he, xavier}",
}  # fmt: skip

ENDLESS = {
    "real numbers": "net CONV(4,1)-DROPOUT({0.1..0.5})-SCALE({0.5..1.0})",
    "rates": "net GAP-FC(10)\ntrain\n optimizer = {sgd(lr={1e-3..1e-1 log}, momentum={0.0..0.99}), adam}",
}


def space(text: str, name: str = "t.arch", **options: object) -> Space:
    """The space of a text, with an input of 3x16x16 where it has none."""
    return Space(Source(name, text if "input" in text else _IMAGE + text), **options)  # type: ignore[arg-type]
