"""State dicts and maps as files, and the command that carries them over."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import blockdsl
from blockdsl.cli import run
from blockdsl.diagnostics import ArchError
from blockdsl.transfer import read_map, read_state
from tests.references import torchvision_models

NET = "c1:CONV(4,3,p1,bias=no)-n1:BN-RELU-GAP-FLATTEN-FC(5)"
Printed = pytest.CaptureFixture[str]


class Small(nn.Module):
    """The same as NET."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.features(x).mean((2, 3)))
        return out


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(f"input 3x8x8\nparam classes = 5\nnet {NET.replace('5)', 'classes)')}\n")


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ArchError) as wrong:
        call()
    return str(wrong.value)


# --- the published network


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_torchvisions_resnet50_becomes_ours(ending: str, capsys: Printed) -> None:
    """Through either kind of file: sorted by name, its numbers tell the order that is lost."""
    torch.manual_seed(0)
    theirs = torchvision_models().resnet50().eval()
    file = Path("theirs").with_suffix(ending)
    save = torch.save if ending == ".pth" else save_file
    save(theirs.state_dict(), str(file))
    assert run(["weights", "resnet50_v1_5", "--from", str(file), "-o", "ours.safetensors"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["layers", "from", "count"],
        ["stem1.conv1", "conv1", "…", "bn1", "2", "matched"],
        ["stage1", "layer1", "20", "matched"],
        ["stage2", "layer2", "26", "matched"],
        ["stage3", "layer3", "38", "matched"],
        ["stage4", "layer4", "20", "matched"],
        ["fc1", "fc", "1", "matched"],
        ["wrote", "ours.safetensors"],
    ]
    ours = blockdsl.load("resnet50_v1_5").module(weights="ours.safetensors").eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(ours(x), theirs(x), atol=1e-4 * float(theirs(x).abs().max()))


# --- the command


def test_weights_that_compile_starts_from(capsys: Printed) -> None:
    state = Small().state_dict()
    torch.save(state, "theirs.pth")
    assert run(["weights", "net.arch", "--from", "theirs.pth", "-o", "ours.safetensors"]) == 0
    assert run(["compile", "net.arch", "--weights", "ours.safetensors", "-o", "again.safetensors"]) == 0
    first, again = load_file("ours.safetensors"), load_file("again.safetensors")
    assert first.keys() == again.keys() and all(torch.equal(first[n], again[n]) for n in first)
    assert torch.equal(first["c1.weight"], state["features.0.weight"])
    assert torch.equal(first["n1.num_batches_tracked"], state["features.1.num_batches_tracked"])


def test_without_a_file_to_write_it_says_so(capsys: Printed) -> None:
    torch.save(Small().state_dict(), "theirs.pth")
    assert run(["weights", "net.arch", "--from", "theirs.pth"]) == 0
    assert "nothing is written; -o OUT.safetensors" in capsys.readouterr().out
    assert not list(Path().glob("*.safetensors"))


def test_a_new_head_on_carried_weights(capsys: Printed) -> None:
    torch.save(Small().state_dict(), "theirs.pth")
    ask = ["weights", "net.arch", "--set", "classes=7", "--from", "theirs.pth", "-o", "ours.safetensors"]
    assert run(ask) == 1
    assert not Path("ours.safetensors").exists()
    assert "fc1 (7x4)" in capsys.readouterr().err
    assert run([*ask, "--partial"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["fc1", "1", "missing:", "keeps", "its", "initialisation"] in lines
    assert ["head", "1", "unused"] in lines
    ours = load_file("ours.safetensors")
    assert ours["fc1.weight"].shape == (7, 4) and float(ours["fc1.weight"].abs().max()) > 0


def test_a_map_settles_what_is_unclear(capsys: Printed) -> None:
    unit = "input 4x4x4\nnet a:CONV(8,1,bias=no) + b:CONV(8,1,bias=no)\n"
    Path("net.arch").write_text(unit)
    save_file({"p.weight": torch.zeros(8, 4, 1, 1), "q.weight": torch.ones(8, 4, 1, 1)}, "theirs.safetensors")
    ask = ["weights", "net.arch", "--from", "theirs.safetensors", "-o", "ours.safetensors"]
    assert run(ask) == 1
    assert "p and q fit a and b" in capsys.readouterr().err.replace("\n", " ")
    Path("map.txt").write_text("# the other way round\na = q\n\nb = p  # last\n")
    assert run([*ask, "--map", "map.txt"]) == 0
    assert float(load_file("ours.safetensors")["a.weight"].min()) == 1


def test_what_rests_on_order_is_listed_and_needs_the_flag(capsys: Printed) -> None:
    Path("net.arch").write_text("input 4x4x4\nnet a:CONV(8,1,bias=no) + b:CONV(8,1,bias=no)\n")
    state = {"q.weight": torch.zeros(8, 4, 1, 1), "p.weight": torch.ones(8, 4, 1, 1)}
    torch.save(state, "theirs.pth")
    save_file(state, "theirs.safetensors")
    ask = ["weights", "net.arch", "-o", "ours.safetensors", "--from"]
    assert run([*ask, "theirs.pth"]) == 1
    error = capsys.readouterr().err.replace("\n", " ")
    assert "q and p fit a and b" in error and "a = q" in error and "--trust-order" in error
    assert run([*ask, "theirs.safetensors", "--trust-order"]) == 1
    assert "a .pth file keeps the order" in capsys.readouterr().err.replace("\n", " ")
    assert not Path("ours.safetensors").exists()
    assert run([*ask, "theirs.pth", "--trust-order"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["a", "q", "1", "by", "order", "alone"] in rows and ["b", "p", "1", "by", "order", "alone"] in rows
    assert float(load_file("ours.safetensors")["b.weight"].min()) == 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_the_type_of_the_weights_is_kept_and_said(dtype: torch.dtype, capsys: Printed) -> None:
    torch.manual_seed(0)
    state = Small().to(dtype).state_dict()
    torch.save(state, "theirs.pth")
    assert run(["weights", "net.arch", "--from", "theirs.pth", "-o", "ours.safetensors"]) == 0
    assert f"weights are {dtype}, written as {dtype}" in capsys.readouterr().out
    assert torch.equal(load_file("ours.safetensors")["c1.weight"], state["features.0.weight"])


def test_of_two_types_the_wider_is_written(capsys: Printed) -> None:
    state = Small().state_dict()
    state["head.bias"] = state["head.bias"].double() / 3
    torch.save(state, "theirs.pth")
    assert run(["weights", "net.arch", "--from", "theirs.pth", "-o", "ours.safetensors"]) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    assert "torch.float32 and torch.float64, written as torch.float64" in said
    assert torch.equal(load_file("ours.safetensors")["fc1.bias"], state["head.bias"])


def test_a_map_of_blocks_in_the_languages_paths(capsys: Printed) -> None:
    """Two branches that nothing tells apart; a block of the map takes all layers in it."""
    Path("net.arch").write_text(
        "input 4x4x4\nblock unit = CONV(4,1,bias=no)-BN\nblock pair = [unit, unit]-SUM\nnet pair*2\n"
    )
    made = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))
    state = {
        f"cells.{i}.{side}.{k}": v + i for i in (0, 1) for side in "lr" for k, v in made.state_dict().items()
    }
    torch.save(state, "theirs.pth")
    ask = ["weights", "net.arch", "--from", "theirs.pth", "-o", "ours.safetensors"]
    assert run(ask) == 1
    capsys.readouterr()
    Path("map.txt").write_text("pair[1].unit[1] = cells.0.r\npair2.unit1 = cells.1.r\n")
    assert run([*ask, "--map", "map.txt", "--expand"]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert ["pair1.unit1.conv1", "cells.0.r.0"] in rows and ["pair2.unit2.bn1", "cells.1.l.1"] in rows
    for line, words in (
        ("pair[3] = cells.0", "the network has no layer or block pair[3]"),
        ("pair[1] = cell.0", "the state dict has no layer or prefix cell.0"),
        ("pair[1] = cells", "pair[1] has 4 layers with weights, cells 8"),
    ):
        Path("map.txt").write_text(line)
        assert run([*ask, "--map", "map.txt"]) == 1
        assert words in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize(
    ("ask", "code", "words"),
    [
        ([], 2, "--from"),
        (["--from", "none.pth"], 1, "none.pth does not exist"),
        (["--from", "theirs.pth", "-o", "ours.txt"], 1, ".txt is no kind of output"),
        (["--from", "theirs.pth", "-o", "no/ours.safetensors"], 1, "cannot write no/ours.safetensors"),
        (["--from", "theirs.pth", "--map", "none.txt"], 1, "cannot read none.txt: no such file"),
        (["--from", "theirs.pth", "--map", "/dev/zero"], 1, "cannot read /dev/zero: it is larger than 1 MB"),
    ],
)
def test_what_is_asked_wrongly(ask: list[str], code: int, words: str, capsys: Printed) -> None:
    torch.save(Small().state_dict(), "theirs.pth")
    assert run(["weights", "net.arch", *ask]) == code
    assert words in capsys.readouterr().err


# --- files


def test_a_checkpoint_of_a_training_run() -> None:
    """Nested, and of a network that ran in parallel."""
    state = Small().state_dict()
    parallel = {f"module.{name}": tensor for name, tensor in state.items()}
    for key in ("state_dict", "model", "model_state_dict"):
        torch.save({"epoch": 3, key: parallel, "optimizer": {"lr": 0.1}}, "run.pth")
        found = read_state(Path("run.pth"))
        assert list(found) == list(state)
        assert all(torch.equal(found[name], state[name]) for name in state)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch ran",)


def test_a_pickle_is_not_run(capsys: Printed) -> None:
    torch.save({"conv.weight": torch.zeros(1), "evil": Evil()}, "evil.pth")
    assert run(["weights", "net.arch", "--from", "evil.pth"]) == 1
    assert "evil.pth is no state dict" in capsys.readouterr().err
    assert not Path("ran").exists()


def test_a_whole_module_is_refused() -> None:
    torch.save(Small(), "module.pth")
    assert "save the `state_dict()` alone" in refused(lambda: read_state(Path("module.pth")))


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04" + bytes(40), bytes(100)])
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_other_files_are_refused(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    assert refused(lambda: read_state(Path(name))).startswith("error[file]: x.")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_files_are_read_or_refused(zipped: bool) -> None:
    torch.save(Small().state_dict(), "x.pth", _use_new_zipfile_serialization=zipped)
    whole = Path("x.pth").read_bytes()
    draw = random.Random(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        Path("x.pth").write_bytes(bytes(damaged[: draw.choice([len(damaged), draw.randrange(len(damaged))])]))
        with contextlib.suppress(ArchError):
            read_state(Path("x.pth"))


@pytest.mark.parametrize("content", [[], {}, {"epoch": 3}, torch.zeros(3)])
def test_a_file_without_a_state_dict_is_refused(content: object) -> None:
    torch.save(content, "x.pth")
    assert refused(lambda: read_state(Path("x.pth"))) == "error[file]: x.pth holds no state dict"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = b\nc d\n", "map.txt:2: 'c d' is no pair"),
        ("a =\n", "map.txt:1: 'a =' is no pair"),
        ("a = b\na = c\n", "map.txt:2: a stands there twice"),
        ("a = b\nc = b\n", "map.txt:2: b stands there twice"),
    ],
)
def test_maps_that_are_none(text: str, words: str) -> None:
    Path("map.txt").write_text(text)
    assert words in refused(lambda: read_map(Path("map.txt")))


# --- weights in our names


def test_foreign_weights_are_not_loaded_as_ours() -> None:
    network = blockdsl.load("net.arch")
    torch.save(Small().state_dict(), "theirs.pth")
    assert "theirs.pth has no c1.weight" in refused(lambda: network.module(weights="theirs.pth"))
    save_file(blockdsl.load("net.arch", settings={"classes": 7}).module().state_dict(), "other.safetensors")
    assert "fc1.weight is 5x4 in the network, 7x4 in" in refused(
        lambda: network.module(weights="other.safetensors")
    )
