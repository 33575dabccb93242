"""An operation of a user's, in one file of its own, takes part in everything that a built-in one does."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

import blockdsl
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.cli import run
from blockdsl.ops import Shape, unregister
from tests.export.running import agree

FILE = '''
"""Operations of a project: a gated convolution, and the sum of squares of several tensors."""

import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.ops import OpError, Window
from blockdsl.ops.core import SAVES_INPUT, Drawn
from blockdsl.ops.values import Count


class GatedConv2d(nn.Module):
    """A 1x1 convolution times its own gate."""

    def __init__(self, in_channels: int, channels: int, steep: float = 1.0) -> None:
        super().__init__()
        self.steep = steep
        self.weight = nn.Parameter(torch.empty(channels, in_channels, 1, 1))
        self.register_buffer("shift", torch.full((channels,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.nn.functional.conv2d(x, self.weight)
        return y * torch.sigmoid(self.steep * y + self.shift[:, None, None])


class SquareSum(nn.Module):
    """x^2 + y^2 + …"""

    def forward(self, *inputs: Tensor) -> Tensor:
        total = torch.zeros_like(inputs[0])
        for x in inputs:
            total = total + x.square()
        return total


@blockdsl.operation("GATEDCONV")
class GatedConv(blockdsl.Operation):
    """A gated 1x1 convolution: (C, H, W) -> (channels, H, W)."""

    family = "conv"
    word = "gated conv, {channels}"
    aliases = ("gatedconv2d",)
    saved_for_backward = SAVES_INPUT
    fresh_output = True
    takes = (blockdsl.Image,)
    channels: Count
    steep: float = 1.0

    def shape(self, *inputs):
        return inputs[0].with_channels(self.channels)

    def window(self, *inputs):
        return Window()

    def weights(self, *inputs):
        return {"weight": (self.channels, inputs[0][0], 1, 1)}

    def buffers(self, *inputs):
        return {"shift": (self.channels,)}

    def drawn(self, *inputs):
        return (Drawn.of(self.weights(*inputs)["weight"]),)

    def macs(self, *inputs):
        c, rows, columns = inputs[0]
        return c * self.channels * rows * columns

    def spec(self, *inputs):
        return blockdsl.ModuleSpec(
            "own_layers:GatedConv2d", in_channels=inputs[0][0], channels=self.channels, steep=self.steep
        )


@blockdsl.operation("SQUARESUM", inputs=None)
class SquareSumOp(blockdsl.Operation):
    """The sum of the squares of tensors of one shape."""

    family = "join"
    word = "Σx²"
    commutative = True

    def shape(self, *inputs):
        if len(set(inputs)) > 1:
            raise OpError("SQUARESUM takes tensors of one shape", sides=(0, 1))
        return inputs[0]

    def window(self, *inputs):
        return Window()

    def spec(self, *inputs):
        return blockdsl.ModuleSpec("own_layers:SquareSum")


@blockdsl.operation("FADE")
class Fade(blockdsl.Operation):
    """x * by, a constant."""

    family = "scale"
    by: float = 1.0

    def is_identity(self, *inputs):
        return self.by == 1

    def spec(self, *inputs):
        return blockdsl.ModuleSpec("blockdsl.layers.scale:Scale", "{factor} * {0}", factor=self.by)
'''

NETWORK = """
input 3x8x8
block unit(c) = SQUARESUM(GATEDCONV(c), CONV(c,1))-FADE(0.5)-RELU
net unit(4)-unit(8)-GAP-FC(5)
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("project")
    (folder / "own_layers.py").write_text(FILE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("own_layers")
    for name in ("GATEDCONV", "SQUARESUM", "FADE"):
        unregister(name)
    del sys.modules["own_layers"]


@pytest.mark.usefixtures("own")
def test_it_is_counted() -> None:
    summary = blockdsl.parse(NETWORK).summary()
    assert summary.params == 3 * 4 + (3 + 1) * 4 + 4 * 8 + (4 + 1) * 8 + (8 + 1) * 5
    assert summary.macs == 64 * 2 * (3 * 4 + 4 * 8) + 8 * 5
    seen = blockdsl.parse("input 3x8x8 net CONV(4,3)-GATEDCONV(4)-CONV(4,3)").summary()
    assert seen.receptive_field == {"y": {"x": (5, 5)}}


def test_it_is_built_and_computes(own: ModuleType) -> None:
    network = blockdsl.parse("input 3x4x4 net SQUARESUM(GATEDCONV(2,steep=2), CONV(2,1))")
    module = network.module(seed=0)
    (gated,) = (m for m in module.modules() if isinstance(m, own.GatedConv2d))
    (conv,) = (m for m in module.modules() if isinstance(m, torch.nn.Conv2d))
    x = torch.rand(2, 3, 4, 4)
    y = torch.nn.functional.conv2d(x, gated.weight)
    expected = (y * torch.sigmoid(2 * y + 0.5)).square() + conv(x).square()
    torch.testing.assert_close(module(x), expected)
    assert gated.weight.std() > 0  # `init` has drawn it


@pytest.mark.usefixtures("own")
def test_a_relu_writes_over_its_fresh_output() -> None:
    module = blockdsl.parse("input 3x4x4 net GATEDCONV(2)-RELU-GATEDCONV(2)").module()
    (relu,) = (m for m in module.modules() if isinstance(m, torch.nn.ReLU))
    assert relu.inplace


@pytest.mark.usefixtures("own")
def test_networks_are_known_as_equal() -> None:
    def identity(text: str) -> str:
        return canonical_hash(blockdsl.parse(f"input 3x4x4 net {text}").ir)

    one = identity("SQUARESUM(GATEDCONV(2), CONV(2,1))")
    assert identity("SQUARESUM(CONV(2,1), GATEDCONV(2))") == one
    assert identity("SQUARESUM(CONV(2,1), GATEDCONV(2))-FADE") == one
    assert identity("SQUARESUM(CONV(2,1), GATEDCONV(2))-FADE(0.5)") != one


@pytest.mark.usefixtures("own")
def test_it_is_written_as_python_that_runs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(NETWORK, encoding="utf-8")
    assert run(["compile", "net.arch", "-o", "net.py"]) == 0
    text = Path("net.py").read_text(encoding="utf-8")
    assert "blockdsl" not in text and "own_layers" not in text
    assert "0.5 * " in text  # FADE as the expression that its spec names
    built = blockdsl.load("net.arch").module(seed=0).eval()
    x = torch.rand(2, 3, 8, 8)
    torch.save({"state": built.state_dict(), "x": x, "y": built(x)}, "expected.pt")
    check = (
        "import sys, torch, net; found = torch.load('expected.pt')\n"
        "model = net.Network(); model.load_state_dict(found['state'])\n"
        "torch.testing.assert_close(model.eval()(found['x']), found['y'])\n"
        "assert 'blockdsl' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True, cwd=tmp_path)


def test_a_class_of_an_installed_library_is_imported() -> None:
    class Library(blockdsl.Operation):
        def spec(self, *inputs: Shape) -> blockdsl.ModuleSpec:
            return blockdsl.ModuleSpec("pytorchcv.models.common.activ:HSwish", inplace=False)

    blockdsl.operation("LIBRARY")(Library)
    try:
        text = agree("input 4x8x8 net CONV(6,1)-LIBRARY-CONV(6,1)-LIBRARY-GAP-FC(3)")
    finally:
        unregister("LIBRARY")
    assert "from pytorchcv.models.common.activ import HSwish" in text
    assert "HSwish()" in text
    assert "class HSwish" not in text


@pytest.mark.usefixtures("own")
def test_a_figure_has_its_word_and_the_colour_of_its_family() -> None:
    picture = blockdsl.parse("input 3x8x8 net GATEDCONV(4)-FADE(0.25)").picture("dot").decode()
    plain = blockdsl.parse("input 3x8x8 net CONV(4,1)").picture("dot").decode()
    fill = re.compile(r'fillcolor="(#\w+)",\s*id=(?:gated)?conv')
    assert fill.findall(picture) == fill.findall(plain) != []


@pytest.mark.usefixtures("own")
def test_it_slides_over_larger_images() -> None:
    network = blockdsl.parse(NETWORK)
    dense = blockdsl.dense(network, input=(3, 10, 9))
    assert dense.output_shape == (5, 3, 2)  # windows of 8x8


@pytest.mark.usefixtures("own")
def test_the_name_in_another_library_leads_to_it() -> None:
    with pytest.raises(blockdsl.ArchError, match="GATEDCONV"):
        blockdsl.parse("input 3x4x4 net GatedConv2d(4)")
