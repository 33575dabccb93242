"""Every command on good input: what it prints, writes, and its exit code."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

import blockdsl
from blockdsl.cli import run

NET = 'title "Mine"\ninput 1x8x8\nparam classes = 10\nnet CONV(4,3)-RELU-FLATTEN-FC(classes)\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.arch").write_text(NET)
    return "mine.arch"


def test_alexnet_from_another_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "blockdsl.cli", "compile", "alexnet.arch"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    for expected in ("60,965,224", "34,944", "96x55x55", "96x27x27", "256x6x6"):
        assert expected in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_compile_proves_and_writes(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", file, "--set", "classes=3", "-o", "out.safetensors", "--seed", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "runs        a forward pass on cpu in fp32 gives every shape of the table",
        "wrote       out.safetensors",
    ]
    wanted = blockdsl.parse(NET, settings={"classes": 3}).module(seed=1).state_dict()
    with safe_open("out.safetensors", framework="pt") as weights:
        assert set(weights.keys()) == set(wanted)
        assert all(weights.get_tensor(name).equal(tensor) for name, tensor in wanted.items())
        assert weights.metadata()["arch"] == NET


@pytest.mark.parametrize("options", [["--device", "meta"], ["--dtype", "bf16"], ["--dtype", "fp64"]])
def test_compile_elsewhere(file: str, options: list[str]) -> None:
    assert run(["compile", file, *options]) == 0


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_compile_in_half_precision_without_a_gpu(dtype: str) -> None:
    text = "CONV(4,3)-BN-RELU-LRN-POOL(2)-LRN(groups=2)-FC(10)"
    assert run(["compile", "--input", "3x8x8", "--dtype", dtype, "-e", text]) == 0


def test_compile_counts_the_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "-e", "input 4\nnet FC(2)\ncheck params == 10\ncheck depth == 1"]) == 0
    assert "checks      2 of the file's `check` lines hold" in capsys.readouterr().out


def test_summary_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", file, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == blockdsl.parse(NET).summary().to_dict()
    assert {"title", "inputs", "outputs", "params", "macs", "memory", "layers"} <= set(found)
    for layer in found["layers"]:
        assert {"name", "op", "shape", "params", "macs", "line"} <= set(layer)


def test_summary_expanded(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["summary", "--input", "3x8x8", "-e", "(CONV(3,3,p1)-RELU)*5"]
    assert run(arguments) == 0
    folded = capsys.readouterr().out
    assert run([*arguments, "--expand"]) == 0
    expanded = capsys.readouterr().out
    assert (folded.count("CONV"), expanded.count("CONV")) == (1, 5)


@pytest.mark.parametrize("command", ["compile", "summary", "check"])
def test_standard_input(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(NET.encode())))
    assert run([command, "-"]) == 0
    assert "1,490" in capsys.readouterr().out


def test_check(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", file, "alexnet"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "mine.arch: right (0 checks, 1,490 parameters)",
        "alexnet.arch: right (6 checks, 60,965,224 parameters)",
    ]


def test_check_goes_on_after_an_error(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.arch").write_text("input 3x8x8\nnet CONV(4,9)")
    assert run(["check", "bad.arch", file, "none.arch"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "mine.arch: right (0 checks, 1,490 parameters)\n"
    assert printed.err.count("error[") == 2


UGLY = "input 3x8x8 # eight by eight\nnet   CONV( 4,3 )-RELU"


def test_fmt_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ugly.arch"
    path.write_text(UGLY)
    path.chmod(0o640)
    assert run(["fmt", "--check", str(path)]) == 1
    assert path.read_text() == UGLY
    assert run(["fmt", str(path)]) == 0
    formatted = path.read_text()
    assert "CONV(4,3)-RELU" in formatted
    assert "# eight by eight" in formatted
    assert path.stat().st_mode & 0o777 == 0o640
    assert run(["fmt", "--check", str(path)]) == 0
    capsys.readouterr()
    assert run(["fmt", "-e", UGLY]) == 0
    assert capsys.readouterr().out == formatted
    assert [p.name for p in tmp_path.iterdir()] == ["ugly.arch"]


def test_fmt_leaves_the_zoo_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["fmt", "alexnet.arch"]) == 1


def test_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert {"lenet5", "alexnet", "vgg16", "googlenet", "resnet152", "densenet121"} <= set(names)


def test_train(file: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["train", file, "--epochs", "1", "--share", "0.1", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "Mine: 1x8x8 -> 10, 1,490 parameters, 2,736 MACs"
    assert printed[-1] == "wrote runs/mine"
    assert {"best.safetensors", "last.pt", "curve.png"} <= {
        p.name for p in (tmp_path / "runs/mine").iterdir()
    }
    resumed = ["train", file, "--epochs", "2", "--share", "0.1", "--device", "cpu", "--resume"]
    assert run(resumed) == 0
    epochs = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert [line.split()[1] for line in epochs] == ["2"]


def test_train_an_ensemble_that_must_reach_something(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", file, "--epochs", "1", "--share", "0.05", "--device", "cpu", "--ensemble", "2"]
    assert run([*arguments, "--at-least", "1"]) == 1
    printed = capsys.readouterr()
    assert "member 2 of 2" in printed.out
    assert "is below the 100.00% asked for" in printed.err


@pytest.mark.parametrize("command", [[], ["compile"], ["summary"], ["check"], ["fmt"], ["zoo"], ["train"]])
def test_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    assert "Usage: blockdsl" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"blockdsl {blockdsl.__version__}\n"
