"""Searches of networks with several inputs or outputs, and of networks on signals and volumes."""

import shutil
from pathlib import Path

import pytest
import torch

import blockdsl
from blockdsl import ArchError
from blockdsl.nas.study.records import records
from blockdsl.ops import Signal, Volume
from blockdsl.ops.layouts import Shape
from blockdsl.space.counting import count
from blockdsl.training import Data
from blockdsl.training.data import InMemory
from tests.nas import searching

TWO = """input left  = 1x16x16
input right = 1x16x16
shared tower = CONV({8,16},{3,5},pad=same)-RELU-GAP-FC(4)
net SUB(left-tower, right-tower)-{RELU,ABS}-FC(1)
"""
OUTPUTS = """input 1x8x8
net
    let a = in-CONV({8,16},3,p1)
    [y:(a-GAP-FC(10)), z:(a-CONV(2,1))]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def values(text: str, goal: str) -> list[float]:
    shutil.rmtree("runs", ignore_errors=True)
    study = searching.search(f"{text}search\n    {goal}\n", 2, measured={"trusted": ("own:both",)})
    done = [record for _, record in records(study).values() if record.outcome == "done"]
    return [record.measured[goal.split()[1]] for record in done]


@pytest.mark.parametrize("text", [TWO, OUTPUTS])
def test_what_needs_no_data_is_measured(text: str) -> None:
    assert len(values(text, "minimize params")) == 2
    assert min(values(text, "minimize latency(cpu)")) > 0


def test_a_function_gets_the_module_with_its_inputs() -> None:
    Path("own.py").write_text(
        "import torch\ndef both(module):\n    x = torch.zeros(2, 1, 16, 16)\n"
        "    return float(module(left=x, right=x).shape[0])\n"
    )
    assert values(TWO, "maximize own:both") == [2, 2]


@pytest.mark.parametrize("goal", ["maximize accuracy", "maximize score(naswot)"])
@pytest.mark.parametrize(
    ("text", "message"),
    [(TWO, r"takes a network with one input; this one has 2: left, right"),
     (OUTPUTS, r"digits has 10 classes, the network yields 2x8x8 as z")],
)  # fmt: skip
def test_what_is_trained_has_one_input_and_fits_the_data(text: str, message: str, goal: str) -> None:
    Path("s.arch").write_text(f"{text}search\n    {goal}\n")
    with pytest.raises(ArchError, match=message):
        blockdsl.search("s.arch", "digits", trials=1)
    assert not Path("runs").exists()


def test_a_smaller_size_takes_one_input() -> None:
    Path("s.arch").write_text(f"{TWO}search\n    minimize latency(cpu)\n")
    with pytest.raises(ArchError, match="a search with --size takes a network with one input"):
        blockdsl.search("s.arch", "digits", trials=1, size=8)


def test_counts_are_those_of_all_networks() -> None:
    for text, number in ((TWO, 8), (OUTPUTS, 2)):
        space = blockdsl.Space.parse(text)
        assert count(space).number == number == len(list(space.enumerate()))


@pytest.mark.parametrize("shape", [Signal(1, 16), Volume(1, 4, 4, 4)])
def test_signals_and_volumes_that_are_given_in_python_are_learned(shape: Shape) -> None:
    """Two classes of noise, one with a larger deviation."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 2
    noise = torch.randn(200, *shape, generator=generator)
    x = noise * (1 + 3 * labels).view(-1, *[1] * len(shape))
    split = InMemory(x, labels)
    data = Data("noise", shape, split, split, None, 2)
    word = f"{shape.word} {'x'.join(map(str, shape))}"
    net = blockdsl.parse(
        f"input {word}\nnet CONV(8,3,p1)-ABS-GAP-FC(2)\n"
        "train\n epochs = 10\n optimizer = adam(lr=0.03)\n batch = 20"
    )
    assert net.train(data, device="cpu")[1].accuracy > 0.9
