"""pt2 and ONNX: loaded where blockdsl cannot be imported, run for another batch size."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.cli import run
from blockdsl.codegen import build
from blockdsl.diagnostics import ArchError
from blockdsl.export.traced import write_onnx, write_pt2
from blockdsl.ir import Graph
from blockdsl.ops import Operation, Shape, operation, unregister
from blockdsl.resources import data_dir
from tests.export.running import smallest

NAMES = sorted(file.stem for file in data_dir("zoo").glob("*.arch"))
NETS = {"googlenet": (3, 224, 224), "unet": (1, 188, 188), "vit_b_16": (3, 32, 32)}
"""Inputs for those that a smaller one would make another network of, or that can be very small."""
ALONE = """
import sys
sys.modules["blockdsl"] = None
import torch
folder = sys.argv[1]
cases = torch.load(f"{folder}/inputs.pt")
torch.set_num_threads(1)
results = {name: torch.export.load(f"{folder}/{name}.pt2").module()(x) for name, x in cases.items()}
torch.save({name: y.detach() for name, y in results.items()}, f"{folder}/outputs.pt")
"""


def case(name: str) -> tuple[Graph, nn.Module, Tensor, Tensor]:
    """A network with an input of three samples and what our module makes of it."""
    net = blockdsl.load(name, input=NETS[name]) if name in NETS else smallest(name)
    module = build(net.ir, seed=0).eval()
    x = torch.randn(3, *net.input_shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return net.ir, module, x, module(x)


def close(found: Tensor, wanted: Tensor, tolerance: float) -> None:
    """Equal up to a share of the largest output."""
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() <= tolerance * max(1.0, wanted.abs().max().item())


def pt2_agrees(names: Iterable[str], tmp_path: Path) -> None:
    inputs, wanted = {}, {}
    for name in names:
        graph, module, inputs[name], wanted[name] = case(name)
        write_pt2(graph, module, tmp_path / f"{name}.pt2")
    torch.save(inputs, tmp_path / "inputs.pt")
    subprocess.run([sys.executable, "-I", "-c", ALONE, tmp_path], check=True, cwd=tmp_path)
    found = torch.load(tmp_path / "outputs.pt")
    for name, y in wanted.items():
        close(found[name], y, 1e-6)


def test_pt2_runs_alone(tmp_path: Path) -> None:
    pt2_agrees(["lenet5", "resnet18", "googlenet", "unet", "vit_b_16", "lenet5_1998", "alexnet"], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_zoo_as_pt2(name: str, tmp_path: Path) -> None:
    pt2_agrees([name], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_zoo_as_onnx(name: str, tmp_path: Path) -> None:
    onnx_agrees(name, tmp_path)


@pytest.mark.parametrize(
    "name", ["lenet5", "resnet18", "googlenet", "shufflenet_v2", "vit_b_16", "fractalnet_20"]
)
def test_onnx_runs(name: str, tmp_path: Path) -> None:
    onnx_agrees(name, tmp_path)


def onnx_agrees(name: str, tmp_path: Path) -> None:
    graph, module, x, wanted = case(name)
    file = tmp_path / "net.onnx"
    write_onnx(graph, module, file)
    assert list(tmp_path.iterdir()) == [file]
    onnx.checker.check_model(file, full_check=True)
    session = onnxruntime.InferenceSession(file)
    assert [i.name for i in session.get_inputs()] == ["x"]
    assert [o.name for o in session.get_outputs()] == ["y"]
    for batch in (1, 3):
        (found,) = session.run(["y"], {"x": x[:batch].numpy()})
        assert isinstance(found, np.ndarray)
        # Another library's convolutions add in another order.
        close(torch.from_numpy(found), wanted[:batch], 1e-5)


def test_modes_stay_as_they_were(tmp_path: Path) -> None:
    graph, module, *_ = case("lenet5")
    module.train()
    write_pt2(graph, module, tmp_path / "net.pt2")
    assert all(child.training for child in module.modules())


class Branching(nn.Module):
    """What it does depends on numbers that are not known when it is traced."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize("kind", ["pt2", "onnx"])
def test_what_cannot_be_traced_is_named(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @operation("BRANCH")
    class BranchOp(Operation):
        """Depends on its input's values."""

        def module(self, *inputs: Shape) -> nn.Module:
            return Branching()

    monkeypatch.chdir(tmp_path)
    try:
        net = blockdsl.parse("input 4\nblock f() = FC(4)-BRANCH\nnet f")
        write = write_pt2 if kind == "pt2" else write_onnx
        with pytest.raises(ArchError) as failure:
            write(net.ir, net.module(), tmp_path / "net")
        (tmp_path / "net.arch").write_text("input 4\nnet FC(4)-BRANCH\n")
        assert run(["compile", "net.arch", "-o", f"net.{kind}"]) == 1
    finally:
        unregister("BRANCH")
    first, place, line, carets, calls, *_ = str(failure.value).splitlines()
    assert first.startswith(f"error[output]: BRANCH cannot be written as {kind}: ")
    assert (place, line) == ("  --> <text>:2:19", "     2 | block f() = FC(4)-BRANCH")
    assert (carets.count("^"), calls) == (6, "   in f called at <text>:3:5")
    assert [file.name for file in tmp_path.iterdir()] == ["net.arch"]
