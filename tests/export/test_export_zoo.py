"""The networks of the zoo as Python files, run in a process that has no blockdsl."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import blockdsl
from blockdsl.api import Architecture
from blockdsl.codegen import build
from blockdsl.export.python import python_source
from blockdsl.resources import data_dir
from tests.export import alone
from tests.export.running import smallest
from tests.families import FIRST

NAMES = sorted(file.stem for file in data_dir("zoo").glob("*.arch"))
GROUPS = 8
LARGE = {"alexnet", "overfeat_fast", "zfnet", "vgg11", "vit_b_16", "inception_v3"}
"""Networks that take long to run; `test_zoo_runs_alone` has them."""


def test_a_network_of_each_family_runs_alone(tmp_path: Path) -> None:
    run_alone(sorted(FIRST - LARGE), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("group", range(GROUPS))
def test_zoo_runs_alone(group: int, tmp_path: Path) -> None:
    run_alone(NAMES[group::GROUPS], tmp_path)


def run_alone(names: list[str], tmp_path: Path) -> None:
    nets: dict[str, Architecture] = {}
    for name in names:
        nets[name] = blockdsl.load(name)
        smaller = smallest(name)
        if smaller.input_shape != nets[name].input_shape:
            nets[f"{name}__small"] = smaller
    for name, net in nets.items():
        (tmp_path / f"{name}.py").write_text(python_source(net.program), encoding="utf-8")
    run = {n: None if f"{n}__small" in nets else net.input_shape for n, net in nets.items()}
    torch.save(run, tmp_path / "shapes.pt")
    script = Path(alone.__file__)
    subprocess.run([sys.executable, "-I", script, tmp_path], check=True, cwd=tmp_path)
    found = torch.load(tmp_path / "results.pt")
    assert set(found) == set(nets)
    for name, net in nets.items():
        module = build(net.ir, device="meta")
        assert found[name]["state"] == alone.state_shapes(module), name
        if run[name] is None:
            continue
        wanted = alone.results(module, net.input_shape)["outputs"]
        heads = ["training", *(a.name for a in net.ir.auxiliaries)] if net.ir.auxiliaries else []
        assert list(found[name]["outputs"]) == list(wanted) == ["y", *heads]
        for output, tensor in wanted.items():
            scale = max(1.0, tensor.abs().max().item())
            assert tensor.isfinite().all() and tensor.std() > 0
            assert (found[name]["outputs"][output] - tensor).abs().max() <= 1e-6 * scale, (name, output)
