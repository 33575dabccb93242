"""pt2 and ONNX: loaded where blockdsl cannot be imported, run for another batch size."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.cli import run
from blockdsl.codegen import attributes
from blockdsl.diagnostics import ArchError
from blockdsl.export.traced import write_onnx, write_pt2
from blockdsl.ir import Segment
from blockdsl.ops import ModuleSpec, Operation, Shape, operation, unregister
from tests.export.tracing import agree, zoo

NETS = ["lenet5_1998", "shufflenet_v2"]
"""What `make test` looks at; a network of each family is in test_export_traced_zoo.py."""


def test_files_run_alone(tmp_path: Path) -> None:
    agree(zoo(NETS), tmp_path)


def test_modes_stay_as_they_were(tmp_path: Path) -> None:
    net = blockdsl.load("lenet5")
    module = net.module().train()
    write_pt2(net.ir, module, tmp_path / "net.pt2")
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

        def spec(self, *inputs: Shape) -> ModuleSpec:
            return ModuleSpec(Branching)

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


def test_traced_modules_have_no_attributes_that_a_label_may_be() -> None:
    program = torch.export.export(nn.Sequential(nn.ReLU()), (torch.zeros(1),))
    for name in {*dir(program.graph_module), *dir(program.module())} - {"0"}:
        assert attributes((Segment(name),)) != (name,), name


@pytest.mark.parametrize(
    "name",
    ["code", "graph", "meta", "recompile", "shape_env", "_tracer_cls", "_guards_fn", "range_constraints"],
)
def test_labels_that_traced_modules_have_as_attributes(name: str, tmp_path: Path) -> None:
    text = f"input 3x8x8 block b = {name}:CONV(3,3,p1)-RELU net {name}:b-CONV(3,1)"
    blockdsl.parse(text).export(tmp_path / "net.pt2", tmp_path / "net.onnx")


@pytest.mark.parametrize(
    "text",
    ["input signal 512x8000 net GN(1,eps=1e-8)", "input 64x128x128 net GN(8)",
     "input 4x7x13 net GN(2,affine=no)", "input volume 6x2x5x3 net GN(3)"],
)  # fmt: skip
def test_norms_of_large_groups(text: str, tmp_path: Path) -> None:
    agree({"net": blockdsl.parse(text)}, tmp_path)
