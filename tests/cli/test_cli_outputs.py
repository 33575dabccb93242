"""`-o`: several outputs of one run, and files that no output may replace."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from blockdsl.cli import run

NET = "input 3x8x8\nnet CONV(4,1)-RELU\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.arch").write_text(NET)
    (tmp_path / "space.arch").write_text("input 3x8x8\nnet CONV({4,8},1)\n")
    return tmp_path


def test_render_writes_every_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["render", "net.arch", "-o", "a.svg", "-o", "b.png", "-o", "c.dot", "-o", "d.svg"]) == 0
    assert capsys.readouterr().out == "wrote a.svg\nwrote b.png\nwrote c.dot\nwrote d.svg\n"
    assert ElementTree.parse(folder / "a.svg").getroot().tag.endswith("svg")
    assert (folder / "b.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "c.dot").read_text().startswith("digraph")
    assert (folder / "d.svg").read_bytes() == (folder / "a.svg").read_bytes()


def test_compile_writes_every_output(folder: Path) -> None:
    assert run(["compile", "net.arch", "-o", "a.json", "-o", "a.py", "-o", "a.safetensors"]) == 0
    assert json.loads((folder / "a.json").read_text())
    assert "class " in (folder / "a.py").read_text()
    assert (folder / "a.safetensors").stat().st_size > 64


@pytest.mark.parametrize(
    "arguments",
    [
        ["render", "net.arch", "-o", "a.svg", "-o", "a.bmp"],
        ["render", "net.arch", "-o", "a.svg", "-o", "./a.svg"],
        ["compile", "net.arch", "-o", "a.py", "-o", "a.tflite"],
        ["compile", "net.arch", "-o", "a.py", "-o", "missing/a.json"],
    ],
)
def test_one_bad_output_leaves_nothing_behind(folder: Path, arguments: list[str]) -> None:
    before = sorted(folder.iterdir())
    assert run(arguments) == 1
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("link", [None, "symlink", "hardlink"])
@pytest.mark.parametrize(
    "command",
    [["freeze", "space.arch", "--first"], ["open", "net.arch", "--width", "1..2"]],
    ids=lambda c: c[0],
)
def test_no_output_replaces_an_input(
    folder: Path, command: list[str], link: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder / command[1]
    before = source.read_bytes()
    output = folder / "other.arch"
    if link == "symlink":
        output.symlink_to(source)
    elif link == "hardlink":
        output.hardlink_to(source)
    else:
        output = Path(f"./{command[1]}")
    assert run([*command, "-o", str(output)]) == 1
    assert f"error[output]: {output} is an input" in capsys.readouterr().err
    assert source.read_bytes() == before


def test_compile_does_not_replace_the_weights_that_it_reads(folder: Path) -> None:
    assert run(["compile", "net.arch", "-o", "w.safetensors"]) == 0
    before = (folder / "w.safetensors").read_bytes()
    assert run(["compile", "net.arch", "--weights", "w.safetensors", "-o", "w.safetensors"]) == 1
    assert (folder / "w.safetensors").read_bytes() == before


def test_fmt_writes_through_a_link(folder: Path) -> None:
    (folder / "link.arch").symlink_to("net.arch")
    (folder / "net.arch").write_text("input 3x8x8\n\n\n\nnet   CONV(4,1)-RELU\n")
    (folder / "net.arch").chmod(0o640)
    assert run(["fmt", "link.arch"]) == 0
    assert (folder / "link.arch").is_symlink()
    assert "net   " not in (folder / "net.arch").read_text()
    assert (folder / "net.arch").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("text", [None, 'use "link.arch"\ninput 3x8x8\nnet RELU\n'], ids=["named", "used"])
def test_a_link_to_another_kind_of_file_is_not_quoted(
    folder: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "secret").write_text("a secret line\n")
    (folder / "link.arch").symlink_to("secret")
    if text:
        (folder / "user.arch").write_text(text)
    assert run(["check", "user.arch" if text else "link.arch"]) == 1
    said = capsys.readouterr().err
    assert "link.arch is no .arch file" in said and "secret line" not in said


@pytest.mark.parametrize("output", ["w.safetensors", "map.safetensors"])
def test_weights_does_not_replace_what_it_reads(folder: Path, output: str) -> None:
    assert run(["compile", "net.arch", "-o", "w.safetensors"]) == 0
    (folder / "map.safetensors").write_text("conv1 = conv1\n")
    before = (folder / output).read_bytes()
    command = ["weights", "net.arch", "--from", "w.safetensors", "--map", "map.safetensors"]
    assert run([*command, "-o", output]) == 1
    assert (folder / output).read_bytes() == before
    assert run([*command, "-o", "new.safetensors"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [["render", "net.arch", "-o", "a.dot"], ["compile", "net.arch", "-o", "a.json", "-o", "b.py"]],
)
@pytest.mark.parametrize("old", ["old", None])
def test_an_output_that_fails_takes_the_others_with_it(
    folder: Path, arguments: list[str], old: str | None
) -> None:
    """The last output is found to be unwritable when everything else is written already."""
    last = "full.dot" if arguments[0] == "render" else "full.json"
    (folder / last).symlink_to("/dev/full")
    if old:
        for name in arguments[3::2]:
            (folder / name).write_text(old)
    before = {path.name: path.read_text() for path in folder.iterdir() if path.name != last}
    assert run([*arguments, "-o", last]) == 1
    assert {path.name: path.read_text() for path in folder.iterdir() if path.name != last} == before


USER = 'use "middle.arch"\ninput 3x8x8\nnet f(4)\n'


@pytest.mark.parametrize("used", ["middle.arch", "inner.arch"])
@pytest.mark.parametrize(
    "command",
    [
        ["freeze", "user.arch"],
        ["open", "user.arch", "--width", "1..2"],
        ["compile", "user.arch"],
        ["render", "user.arch"],
    ],
    ids=lambda c: c[0],
)
def test_no_output_replaces_a_file_that_the_input_uses(
    folder: Path, command: list[str], used: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "user.arch").write_text(USER)
    (folder / "middle.arch").write_text('use "inner.arch"\nblock f(c) = g(c)\n')
    (folder / "inner.arch").write_text("block g(c) = CONV(c,1)-RELU\n")
    output = Path(used)
    if command[0] in ("compile", "render"):
        output = Path({"compile": "a.json", "render": "a.dot"}[command[0]])
        output.hardlink_to(used)
    before = (folder / used).read_bytes()
    assert run([*command, "-o", str(output)]) == 1
    assert f"error[output]: {output} is an input" in capsys.readouterr().err
    assert (folder / used).read_bytes() == before


def test_compare_does_not_replace_what_it_reads(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.svg").symlink_to("net.arch")
    assert run(["compare", "net.arch", "lenet5", "-o", "a.svg"]) == 1
    assert "error[output]: a.svg is an input" in capsys.readouterr().err
    assert (folder / "net.arch").read_text() == NET


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "net.arch", "-o"],
        ["report", "no-study", "-o"],
        ["freeze", "net.arch", "-o"],
        ["open", "net.arch", "--width", "1..2", "-o"],
        ["compile", "net.arch", "-o"],
        ["render", "net.arch", "-o"],
    ],
    ids=lambda a: a[0],
)
def test_a_place_that_cannot_be_written_is_said_first(
    folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    endings = {"compare": "svg", "report": "html", "compile": "json", "render": "svg"}
    ending = endings.get(arguments[0], "arch")
    (folder / f"sub.{ending}").mkdir()
    for place, reason in ((f"sub.{ending}", "is a folder"), (f"missing/a.{ending}", "no such file")):
        assert run([*arguments, place]) == 1
        shown = capsys.readouterr()
        assert f"cannot write {place}: " in shown.err and reason in shown.err
        assert not shown.out
