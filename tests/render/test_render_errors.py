"""Bad input to render, compare and diff: the whole message, exit code 1, nothing half written."""

import subprocess
import sys
from pathlib import Path

import pytest

from blockdsl.cli import run

CASES = [
    (
        ["render", "lenet5", "-o", "net.gif"],
        "error[output]: cannot write net.gif: .gif is no kind of picture\n"
        "  help: end it in .svg, .png, .pdf, .dot or .html",
    ),
    (
        ["render", "lenet5", "-o", "net.sgv"],
        "error[output]: cannot write net.sgv: .sgv is no kind of picture\n  help: did you mean svg?",
    ),
    (
        ["render", "lenet5", "-o", "net"],
        "error[output]: cannot write net: it has no ending\n"
        "  help: end it in .svg, .png, .pdf, .dot or .html",
    ),
    (
        ["render", "lenet5", "-o", "none/net.svg"],
        "error[output]: cannot write none/net.svg: no such file or directory",
    ),
    (
        ["render", "lenet5", "-o", "net.svg", "--by", "param"],
        "error[option]: --by is params, macs or memory, not param\n  help: did you mean params?",
    ),
    (
        ["render", "lenet5", "-o", "net.svg", "--direction", "left"],
        "error[option]: --direction is auto, down or right, not left",
    ),
    (
        ["render", "resnet50", "-o", "net.svg", "--open", "stag[2]"],
        "error[name]: no block of the picture is called stag[2]\n  help: did you mean stage2?",
    ),
    (
        ["compare", "alexnet", "vgg16", "-o", "chart.txt"],
        "error[output]: cannot write chart.txt: .txt is no kind of chart\n"
        "  help: end it in .svg, .png, .pdf or .html",
    ),
    (
        ["compare", "alexnet", "--error", "top-3"],
        "error[option]: none of these networks has a published top-3 error\n  help: did you mean top-5?",
    ),
    (
        ["compare", "unet", "lenet5", "-o", "chart.svg"],
        "error[output]: none of the networks has a published top-1 error to draw\n"
        '  help: a file tells it in a line: error 24.7 "top-1 %, 1-crop; who measured it"',
    ),
    (
        ["diff", "alexnet", "alexnot"],
        "error[file]: alexnot is no file here, and no network of the zoo\n  help: did you mean alexnet?",
    ),
]


@pytest.mark.parametrize(("command", "message"), CASES, ids=[" ".join(c) for c, _ in CASES])
def test_messages(
    command: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(command) == 1
    assert capsys.readouterr().err == message + "\n"
    assert list(tmp_path.iterdir()) == []


def test_an_older_picture_survives_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "net.svg"
    out.write_text("older")
    assert run(["render", "-e", "CONV(8,3", "--input", "3x8x8", "-o", str(out)]) == 1
    assert out.read_text() == "older"
    assert list(tmp_path.iterdir()) == [out]
    assert "error[syntax]" in capsys.readouterr().err


def test_without_graphviz_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("blockdsl.render.graphviz.find_spec", lambda _: None)
    assert run(["render", "lenet5", "-o", "net.svg"]) == 1
    assert capsys.readouterr().err == (
        "error[missing]: pictures are laid out by Graphviz, and pygraphviz is not installed\n"
        "  help: `pip install pygraphviz` (its wheels bring Graphviz along); .html needs none of it\n"
    )
    assert run(["render", "lenet5", "-o", "net.html"]) == 0


def test_too_large_a_picture_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["render", "googlenet", "-o", "net.dot"]) == 0
    assert capsys.readouterr().err == (
        "note: folded to depth 0 of 1: open, it has 92 boxes; --depth and --open show more\n"
    )


@pytest.mark.parametrize(
    ("command", "unwanted"),
    [
        (["summary", "lenet5"], {"pygraphviz", "torch", "blockdsl.render"}),
        (["render", "lenet5", "-o", "net.html"], {"pygraphviz", "torch", "optuna", "matplotlib"}),
        (["render", "lenet5", "-o", "net.svg"], {"torch", "optuna", "matplotlib"}),
        (["compare", "lenet5"], {"pygraphviz", "torch", "matplotlib"}),
        (["diff", "lenet5", "alexnet"], {"pygraphviz", "torch", "matplotlib"}),
    ],
)
def test_commands_load_what_they_need(command: list[str], unwanted: set[str], tmp_path: Path) -> None:
    code = f"from blockdsl.cli import run; assert run({command}) == 0; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert not unwanted & set(done.stdout.split())
