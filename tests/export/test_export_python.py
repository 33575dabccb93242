"""The exported Python as a text: what a person reads, and what is particular in its structure."""

import ast
import inspect
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

import blockdsl
from blockdsl.export.python import python_source
from blockdsl.resources import names
from tests.export.running import agree, network
from tests.families import FIRST
from tests.references import torchvision_models

OURS_TOO_WIDE = {"lenet5_1998", "vit_b_16"}
"""Files with layers of ours that have lines of more than 100 columns."""


some = pytest.mark.parametrize(
    "nets", [sorted(FIRST), pytest.param(names("zoo"), marks=pytest.mark.long)], ids=["families", "zoo"]
)


@cache
def source(name: str) -> str:
    return python_source(blockdsl.load(name).program)


@some
def test_formatted(nets: list[str], tmp_path: Path) -> None:
    for name in {*nets} - OURS_TOO_WIDE:
        (tmp_path / f"{name}.py").write_text(source(name), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--isolated", "--line-length=100", "."]
    subprocess.run([*ruff, "format", "--check", *options], check=True, cwd=tmp_path)
    subprocess.run([*ruff, "check", "--select=F,I,UP,B,W", *options], check=True, cwd=tmp_path)


@some
def test_only_torch_is_imported(nets: list[str]) -> None:
    for name in nets:
        for node in ast.walk(ast.parse(source(name))):
            if isinstance(node, ast.Import):
                assert {a.name.partition(".")[0] for a in node.names} <= {"torch", *sys.stdlib_module_names}
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] in {"torch", *sys.stdlib_module_names}


def test_resnet50_beside_torchvision() -> None:
    reference = inspect.getsource(sys.modules[torchvision_models().resnet50.__module__])
    # Its weights' addresses and the other members of the family are more than half of that file.
    code = reference[reference.index("def conv3x3") : reference.index("_COMMON_META")]
    assert len(source("resnet50").splitlines()) < len(code.splitlines()) / 2
    assert "if in_channels != 4 * channels" in source("resnet50")
    assert "for i in range(2, units + 1)" in source("resnet50")


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("resnet50", "resnet152"),
        ("resnet20", "resnet56"),
        pytest.param("resnet20", "resnet1202", marks=pytest.mark.long),
        pytest.param("preact_resnet164", "preact_resnet1001", marks=pytest.mark.long),
        ("densenet121", "densenet201"),
        ("densenet_40_12", "densenet_100_24"),
        ("vgg11_bn", "vgg19_bn"),
    ],
)
def test_depth_costs_no_lines(small: str, large: str) -> None:
    assert len(source(large).splitlines()) <= len(source(small).splitlines()) + 3


def test_recursion_costs_lines_for_each_level_alone() -> None:
    lines = [len(source(f"fractalnet_ultra_{n}").splitlines()) for n in (10, 20, 40, 80)]
    steps = [b - a for a, b in pairwise(lines)]
    assert max(steps) - min(steps) <= 5


def test_counts_are_told() -> None:
    for name in ("alexnet", "resnet50", "googlenet"):
        summary = blockdsl.load(name).summary()
        docstring = ast.get_docstring(ast.parse(source(name))) or ""
        assert f"{summary.params:,} parameters" in docstring
        assert f"{summary.macs:,} multiply-accumulates" in docstring


def test_prints_its_parameters(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(source("lenet5"))
    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "net.py"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "61,706 parameters\n"


def test_the_number_of_classes_stays_a_parameter() -> None:
    names: dict[str, type[nn.Module]] = {}
    exec(python_source(blockdsl.load("resnet18").program), names)
    assert names["ResNet18"](classes=7).fc1.out_features == 7  # type: ignore[call-arg]


def test_he_initialisation() -> None:
    torch.manual_seed(0)
    module = network(python_source(blockdsl.load("resnet20").program))
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 5000:
            expected = (2 / (layer.out_channels * 9 / layer.groups)) ** 0.5
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.06), name


HEAD = "input 3x16x16\n"
TEXTS = {
    "a repeat that grows": "net (ID | CONV(4,3,p1))*5-GAP-FC(3)",
    "a repeat with its index": "block u(c) = CONV(c,3,p1)-BN\nnet (u(2*i + 3) for i in 1..5)",
    "irregular rates": "block u(p) = CONV(4,1)-DROPOUT(p)\n"
    "block s(a, n) = (u(a*i*i) for i in 1..n)\n"
    "net s(0.01,3)-s(0.02,4)",
    "stages of one unit and of many": "block u(c) = CONV(c,3,p1)-RELU\n"
    "block s(c, n) = u(c)*n-POOL(2)\n"
    "net s(4,1)-s(8,3)-s(8,2)",
    "a gate that is not always there": "block g() = ID * (GAP-CONV(in.c,1)-SIGMOID)\n"
    "block u(c, se) = CONV(c,1)-(if se then g else ID)-BN\nnet u(4,yes)-u(6,no)-u(8,yes)",
    "an activation as an argument": "block u(c, act) = CONV(c,1)-BN-act\nnet u(4,RELU)-u(4,TANH)-u(8,ID)",
    "an optional sum": "block u(c) = if in.c == c then ID + CONV(c,1)-BN else CONV(c,1)-BN\n"
    "net u(4)-u(4)-u(8)",
    "names that modules have": "block train(c) = CONV(c,1)-RELU\n"
    "net forward:train(4)-train:CONV(5,1)-half:RELU",
    "a block called as a layer": "block crop(c) = CONV(c,1)-CROP(4)\n"
    "block mean(c) = CONV(c,1)\n"
    "net crop(4)-mean(3)",
    "blocks of Python's words": "block class_(c) = CONV(c,1)\n"
    "block nn(c) = CONV(c,1)\n"
    "block torch(c) = CONV(c,1)\n"
    "net class_(4)-nn(5)-torch(6)-tensor:CONV(3,1)-F:CONV(2,1)",
    "two heads": "net CONV(4,1)-AUX(a, GAP-FC(2))-CONV(4,1)-AUX(b, GAP-FC(3), weight=0.5)-GAP-FC(3)",
    "a head inside a block": "block u(c) = CONV(c,1)-AUX(side, GAP-FC(2))-CONV(c,1)\n"
    "net CONV(3,1)-u(4)-GAP-FC(3)",
    "a tensor as an argument": "block step(prev, c) = prev-CONV(c,1) + CONV(c,1)\n"
    "net let a = in-CONV(4,1)\n  a-RELU-step(a,4)-step(a,4)",
    "several tensors out of a block": "block two(c) = [CONV(c,1), CONV(c,1)-RELU]\n"
    "net two(4)-[RELU, ID]-CAT-CONV(3,1)",
    "a graph that crosses": "net let a = in-CONV(4,1)\n"
    " let b = a-CONV(4,1)\n"
    " let c = a-RELU + b\n"
    " (a | b | c)-CONV(2,1) + c-CONV(2,1)",
    "the input as it is": "net ID",
    "one layer": "net RELU",
    "deeper than modules can nest": "block r(n) = if n == 0 then CONV(2,1) else r(n-1)-RELU\nnet r(60)",
    "attributes twice in a row": "net (CONV(4,1)-RELU)*4-(CONV(4,1)-BN)*3",
    "no title and quotes": 'title "a \\\\ quote"\nnet CONV(2,1)',
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_structures(text: str) -> None:
    source = agree(text if text.startswith("input") else HEAD + text)
    ast.parse(source)
