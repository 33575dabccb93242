"""docs/extending.md is true: its operations are counted, built and exported."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import blockdsl
from blockdsl.codegen import check_module
from blockdsl.ops import Operation, all_operations, unregister
from tests.export.running import agree

PAGE = Path(__file__).parent.parent / "docs" / "extending.md"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The names of the operations of the page, which are registered."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    folder = tmp_path_factory.mktemp("page")
    (folder / "extending_layers.py").write_text("\n\n".join(blocks), encoding="utf-8")
    known = set(all_operations())
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        importlib.import_module("extending_layers")
        names = sorted(set(all_operations()) - known)
        yield names
    for name in names:
        unregister(name)
    del sys.modules["extending_layers"]


NETWORKS = [
    "CONV(16,3,p1)-POWER(start=3)-GAP-FC(10)",
    "GEOMEAN(SIGMOID, RELU, ABS)-FLATTEN-FC(3)",
    "LOWHIGH-[CONV(4,1), CONV(4,3,p1)]-SUM",
    "BLUR(8)-RELU-BLUR(12)",
]


@pytest.mark.parametrize("text", NETWORKS)
def test_the_operations_are_what_they_declare(page: list[str], text: str) -> None:
    assert page == ["BLUR", "GEOMEAN", "LOWHIGH", "POWER"]
    network = blockdsl.parse(f"input 3x12x12 net {text}")
    module = network.module(seed=0)
    check_module(network.ir, module)
    with FlopCounterMode(display=False) as counter:
        assert module(torch.rand(2, 3, 12, 12)).shape[1:] == network.output_shape
    assert counter.get_total_flops() == 4 * network.summary().macs
    assert sum(p.numel() for p in module.parameters()) == network.summary().params
    agree(network)


def test_init_draws_what_is_drawn(page: list[str]) -> None:
    network = blockdsl.parse("input 64x8x8 net BLUR(512) train init = he(mode=fan_in)")
    weight = network.module(seed=0).get_parameter("blur1.weight")
    assert abs(weight.std().item() - (2 / 64) ** 0.5) < 0.005


def test_the_page_names_every_method_and_trait() -> None:
    text = PAGE.read_text(encoding="utf-8")
    own = {name for name in vars(Operation) if not name.startswith("_")} - {"name", "arguments", "flattens"}
    assert {name for name in own if f"`{name}" not in text} == set()
