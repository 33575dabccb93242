"""Each construct of the language, held to PyTorch that is written by hand, with the same weights."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

import blockdsl

State = dict[str, Tensor]
Hand = Callable[..., Any]


def conv(x: Tensor, state: State, name: str, **options: Any) -> Tensor:
    """The convolution of a module's name; its rank is that of the weight."""
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    convolve: Any = (F.conv1d, F.conv2d, F.conv3d)[weight.ndim - 3]
    return convolve(x, weight, bias, **options)  # type: ignore[no-any-return]


def fc(x: Tensor, state: State, name: str) -> Tensor:
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def apart(x: Tensor, s: State) -> Tensor:
    a, b, d = conv(x, s, "conv1").chunk(3, 1)
    y = conv(b, s, "conv2", padding=1)
    return torch.cat([a, y, d + y], 1)


def slices(x: Tensor, s: State) -> Tensor:
    a, b, c, d = conv(x, s, "conv1").chunk(4, 1)
    return torch.cat([b, c, d, a + b, c.relu()], 1)


def loop(x: Tensor, s: State) -> Tensor:
    parts = conv(x, s, "conv1").chunk(4, 1)
    y = [conv(t, s, f"conv{i}", padding=1).relu() for i, t in enumerate(parts[1:], 2)]
    return torch.cat([parts[0], y[0], y[1] + y[0], y[2] + y[1]], 1)


def blocks_of_bundles(x: Tensor, s: State) -> Tensor:
    a, b = conv(x, s, "two1.conv1"), conv(x, s, "two1.conv2")
    return conv(a, s, "swap1.conv1") * b.sigmoid() + b


def table(x: Tensor, s: State) -> Tensor:
    a, b = x, x.relu()
    return conv(a, s, "node1.op1.conv1", padding=1) + conv(F.max_pool2d(b, 3, 1, 1), s, "node1.op2.conv1")


def siamese(left: Tensor, right: Tensor, s: State) -> Tensor:
    def tower(x: Tensor) -> Tensor:
        return fc(conv(x, s, "tower.conv1").relu().mean((2, 3)), s, "tower.fc1")

    return fc(tower(left) - tower(right), s, "fc1")


def shared_in_block(x: Tensor, s: State) -> Tensor:
    for name in ("f1", "f2"):
        x = conv(conv(x, s, f"{name}.h"), s, f"{name}.h")
    return x


def several_outputs(x: Tensor, s: State) -> tuple[Tensor, ...]:
    a = conv(x, s, "conv1", padding=1, stride=2)
    b = conv(a, s, "conv2", padding=1, stride=2)
    return a, b, fc(b.mean((2, 3)), s, "scores.fc1")


def mixed_ranks(image: Tensor, sound: Tensor, time: Tensor, s: State) -> Tensor:
    i = conv(image, s, "conv1", padding=1).mean((2, 3))
    w = conv(sound, s, "conv2", padding=1).mean(2)
    return fc(torch.cat([i, w, fc(time, s, "fc1")], 1), s, "fc2")


def gate(image: Tensor, time: Tensor, s: State) -> Tensor:
    return conv(image, s, "mixed1.conv1", padding=1) * fc(time, s, "mixed1.fc1")[:, :, None, None]


def same_stride(x: Tensor, s: State) -> Tensor:
    y = conv(F.pad(x, (0, 1, 0, 1)), s, "conv1", stride=2)  # 8: (4 - 1) * 2 + 3 - 8 = 1, after
    y = conv(F.pad(y, (1, 2, 1, 2)), s, "conv2", stride=3)  # 4: (2 - 1) * 3 + 4 - 4 = 3, 1 before and 2 after
    return F.max_pool2d(F.pad(y, (0, 1, 0, 1), value=-torch.inf), 2, 1)


def before_and_after(x: Tensor, s: State) -> Tensor:
    return conv(F.pad(x, (2, 3, 0, 1)), s, "conv1")


def causal(x: Tensor, s: State) -> Tensor:
    return conv(F.pad(x, (4, 0)), s, "conv1", dilation=2)


def volume(x: Tensor, s: State) -> Tensor:
    y = conv(conv(x, s, "conv1", padding=(1, 0, 0)), s, "conv2", padding=(0, 1, 1), stride=(1, 2, 2))
    return fc(F.max_pool3d(y, 2).mean((2, 3, 4)), s, "fc1")


def weight(x: Tensor, s: State) -> Tensor:
    return conv(x, s, "conv1") + s["weight1.weight"]


def arithmetic(a: Tensor, b: Tensor, s: State) -> Tensor:
    quotient = a / (b.abs() + 1)
    return torch.minimum(quotient - b, a) ** 3


def broadcast(x: Tensor, s: State) -> Tensor:
    y = conv(x, s, "conv1")
    return y + y.mean((2, 3), keepdim=True) - y.mean(1, keepdim=True)


def run(x: Tensor, s: State) -> Tensor:
    y = conv(x, s, "conv1")
    return torch.cat([y[:, 2:5], y[:, :1]], 1)


def items(x: Tensor, s: State) -> Tensor:
    return conv(conv(x, s, "conv1").relu(), s, "conv2") + conv(x, s, "conv3")


CONSTRUCTS: dict[str, tuple[str, Hand]] = {
    "bundles apart": (
        "input 3x8x8\nnet\n let a, b, d = in-CONV(12,1)-SPLIT(3)\n let y = b-CONV(4,3,p1)\n"
        " a | y | d + y", apart,
    ),
    "slices": (
        "input 3x8x8\nnet\n let x = in-CONV(8,1)-SPLIT(4)\n CAT(x[2..], x[1] + x[2], x[3]-RELU)", slices,
    ),
    "a loop over a bundle": (
        "input 3x8x8\nnet\n let x = in-CONV(8,1)-SPLIT(4)\n let y = [t-CONV(2,3,p1)-RELU for t in x[2..]]\n"
        " CAT(x[1], y[1], [y[i] + y[i-1] for i in 2..len(y)])", loop,
    ),
    "blocks that take and yield bundles": (
        "input 3x8x8\nblock two(c) = [CONV(c,1), CONV(c,1)]\n"
        "block swap(c) = (in[1]-CONV(c,1)) * (in[2]-SIGMOID) + in[2]\nnet two(4)-swap(4)", blocks_of_bundles,
    ),
    "a table of blocks": (
        "input 3x8x8\nblock c3(c) = CONV(c,3,p1)\nblock pool(c) = POOL(3,s1,p1)-CONV(c,1)\n"
        "let g = [[c3, 1], [pool, 2]]\nblock node(x, c) = SUM([x[i]-op(c) for op, i in g])\n"
        "net node([in, in-RELU], 4)", table,
    ),
    "a list of networks": (
        "input 3x8x8\nlet ops = [CONV(4,1), RELU]\nnet in-ops[1]-ops[2]-ops[1] + in-ops[1]", items,
    ),
    "several inputs and a shared network": (
        "input left = 1x8x8\ninput right = 1x8x8\nshared tower = CONV(4,3)-RELU-GAP-FC(3)\n"
        "net SUB(left-tower, right-tower)-FC(1)", siamese,
    ),
    "a network that is shared in a block": (
        "input 3x8x8\nblock f(c) =\n shared h = CONV(c,1)\n h-h\nnet f(3)-f(3)", shared_in_block,
    ),
    "several outputs": (
        "input 3x16x16\nnet\n let p3 = in-CONV(4,3,s2,p1)\n let p4 = p3-CONV(8,3,s2,p1)\n"
        " [p3, p4, scores:(p4-GAP-FC(5))]", several_outputs,
    ),
    "inputs of several layouts": (
        "input image = 3x8x8\ninput sound = signal 2x16\ninput time = 5\nnet\n"
        " let i = image-CONV(4,3,p1)-GAP-FLATTEN\n let w = sound-CONV(3,5,pad=(1,1))-GAP-FLATTEN\n"
        " CAT(i, w, time-FC(2))-FC(6)", mixed_ranks,
    ),
    "a gate of a vector": (
        "input image = 3x8x8\ninput time = 5\nblock mixed(c, t) = CONV(c,3,p1)*(t-FC(c)-IMAGE(1x1))\n"
        "net image-mixed(4, time)", gate,
    ),
    "pad=same with a stride": (
        "input 3x8x8\nnet CONV(4,3,s2,pad=same)-CONV(4,4,s3,pad=same)-POOL(2,s1,pad=same)", same_stride,
    ),
    "pads before and after": ("input 3x8x8\nnet CONV(4,3,pad=(0,1,2,3))", before_and_after),
    "a causal signal": ("input signal 3x16\nnet CONV(4,3,d2,pad=(4,0))", causal),
    "a volume": (
        "input volume 2x4x8x8\nnet CONV(4,3x1x1,p1x0x0)-CONV(6,1x3x3,stride=(1,2,2),pad=(0,1,1))"
        "-POOL(2)-GAP-FC(3)", volume,
    ),
    "WEIGHT": ("input 3x8x8\nnet in-CONV(4,1) + WEIGHT(4x8x8)", weight),
    "SUB DIV MIN POW SHIFT": (
        "input a = 3x8x8\ninput b = 3x8x8\nnet\n let q = DIV(a, b-ABS-SHIFT(1))\n MIN(SUB(q, b), a)-POW(3)",
        arithmetic,
    ),
    "broadcast": (
        "input 3x8x8\nnet\n let y = in-CONV(4,1)\n"
        " SUB(SUM(y, y-GAP, broadcast=yes), y-CHANNELMEAN, broadcast=yes)", broadcast,
    ),
    "SLICE": ("input 3x8x8\nnet CONV(6,1)-[SLICE(3,3), SLICE(1,1)]-CAT", run),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_it_computes_what_pytorch_does(name: str) -> None:
    text, by_hand = CONSTRUCTS[name]
    net = blockdsl.parse(text)
    module = net.module(seed=0).double().eval()
    graph = net.program.graph
    generator = torch.Generator().manual_seed(1)
    inputs = [
        torch.randn(2, *shape, generator=generator, dtype=torch.float64)
        for shape in graph.shapes_of(graph.inputs).values()
    ]
    state = module.state_dict()
    used = set(state)

    class Seen(dict[str, Tensor]):
        def __getitem__(self, key: str) -> Tensor:
            used.discard(key)
            return super().__getitem__(key)

    torch.testing.assert_close(module(*inputs), by_hand(*inputs, Seen(state)), rtol=1e-10, atol=1e-10)
    assert not used
