"""The networks of the zoo as Python files, run in a process that has no blockdsl."""

from pathlib import Path

import pytest

import blockdsl
from blockdsl.architecture import Architecture
from blockdsl.resources import data_dir
from tests.export.running import run_files, smallest
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
        if smaller.inputs != nets[name].inputs:
            nets[f"{name}__small"] = smaller
    run_files(nets, {name for name in nets if f"{name}__small" in nets}, tmp_path)
