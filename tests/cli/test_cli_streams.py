"""Closed and full streams, and characters that would act on a terminal."""

import ast
import os
import resource
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from typer.main import get_command

import blockdsl
from blockdsl.cli import DEFECT, run
from blockdsl.cli.app import application
from blockdsl.diagnostics import ArchError
from blockdsl.output import replacing
from blockdsl.visible import visible

GROUP = get_command(application())
COMMANDS = GROUP.commands  # type: ignore[attr-defined]
NEEDED = {"render": ["x", "-o", "x.svg"], "diff": ["x", "y"]}

NET = "input 3x8x8 net CONV(4,1)"
BLOCKDSL = f"{sys.executable} -X dev -m blockdsl.cli"


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=100)


FULL = "error[output]: cannot write to standard output: no space left on device\n"


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (f"{BLOCKDSL} summary -e '{NET}' >&-", 1, "error[output]: standard output is closed\n"),
        (f"{BLOCKDSL} check - <&-", 1, "error[file]: standard input is closed\n"),
        (f"{BLOCKDSL} summary -e 'net (' 2>&-", 1, ""),
        (f"{BLOCKDSL} summary -e '{NET}' >&- 2>&- <&-", 1, ""),
        (f"{BLOCKDSL} zoo >/dev/full", 1, FULL),
        (f"{BLOCKDSL} fmt -e '{NET}' | true", 0, ""),
    ],
)
def test_streams(command: str, status: int, words: str, tmp_path: Path) -> None:
    done = shell(command, tmp_path)
    assert (done.returncode, done.stderr) == (status, words)
    assert not list(tmp_path.iterdir())


@given(st.text())
def test_visible_text_has_nothing_that_acts(text: str) -> None:
    shown = visible(text)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert visible(shown) == shown
    ElementTree.fromstring(f"<t>{shown.replace('&', '').replace('<', '')}</t>")


def test_letters_of_all_languages_stay() -> None:
    text = "Größe 尺寸 размер μ ≤ é"
    assert visible(text) == text


HOSTILE = "\x1b[31mred\x1b]0;owned\x07 \x9b2J \u202eevil\u200b \x7f [bold]&<"


def test_a_hostile_title_is_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = f'title "{HOSTILE}"\nnote "{HOSTILE}"\n{NET}'
    for command in ("summary", "fmt", "check"):
        assert run([command, "-e", text]) == 0
    assert run(["summary", "--input", "3x8x8", "-e", f"net {HOSTILE}"]) == 1
    assert run(["summary", HOSTILE]) == 1
    out = capsys.readouterr()
    for printed in (out.out, out.err):
        assert not set(printed) & set("\x1b\x07\x9b\x7f\u202e\u200b")
    assert "\\x1b[31mred" in out.out and "\\x1b[31mred" in out.err
    svg = blockdsl.parse(text).picture("svg").decode()
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "\\x1b[31mred" in "".join(ElementTree.fromstring(svg).itertext())


@given(st.text(st.characters(exclude_characters='"\n\r'), max_size=20))
@example("尺寸")
@example("\x1b[31m")
@example("e\u0301\t\u200b")
def test_carets_stand_under_what_they_mark(text: str) -> None:
    line = f'title "{text}" net FOO'
    with pytest.raises(ArchError) as caught:
        blockdsl.parse(line)
    excerpt = next(lines for lines in pairwise(str(caught.value).splitlines()) if "^" in lines[1])
    shown, carets = excerpt
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    begin = carets.index("^")
    if shown.endswith("FOO") and carets.count("^") == 3:
        assert begin == cell_len(shown) - 3
    else:  # another error, of the title
        assert begin + carets.count("^") <= max(cell_len(shown), begin + 1)


def test_text_that_the_encoding_of_the_output_lacks(tmp_path: Path) -> None:
    done = shell(f"PYTHONIOENCODING=ascii {BLOCKDSL} summary -e 'title \"尺×\" {NET}'", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u5c3a\\xd7" in done.stdout


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    for command, status in (("summary lenet5", 0), ("render lenet5 -o a.svg", 1), ("check missing.arch", 1)):
        gone = f"mkdir gone; cd gone; rmdir ../gone; {BLOCKDSL} {command}"
        done = shell(gone, tmp_path)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("home", ["/dev/null", "/missing", ""])
def test_a_home_that_cannot_be_written(home: str, tmp_path: Path) -> None:
    done = shell(f"HOME={home} XDG_CACHE_HOME={home} {BLOCKDSL} check -e '{NET}'", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_all_text_is_written_in_one_place() -> None:
    folder = Path(blockdsl.__file__).parent / "cli"
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and file.name != "streams.py":
                assert ast.unparse(node.func) not in ("print", "typer.echo", "sys.stdout.write"), file


def test_a_defect_has_a_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("\x1b[31m")

    monkeypatch.setattr("blockdsl.api.architecture", broken)
    assert run(["check", "-e", NET]) == DEFECT
    shown = capsys.readouterr().err
    assert shown.startswith("error[defect]: ZeroDivisionError: \\x1b[31m\n  this is a defect of Blockdsl")
    assert "BLOCKDSL_DEBUG=1" in shown
    monkeypatch.setenv("BLOCKDSL_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(["check", "-e", NET])


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "zoo"])
def test_an_interruption_in_any_command(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(COMMANDS[command], "callback", interrupted)
    monkeypatch.setattr("typer.main.get_command", lambda _: GROUP)
    assert run([command, *NEEDED.get(command, ["x"])]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_special_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = shell(f"cat pipe & {BLOCKDSL} freeze -e '{NET}' -o pipe; wait", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "CONV(4,1)" in done.stdout
    assert pipe.is_fifo()
    with (
        pytest.raises(ArchError, match="cannot write /dev/full: no space left"),
        replacing(Path("/dev/full")) as p,
    ):
        p.write_text("text")
    assert Path("/dev/full").is_char_device()


def test_an_output_keeps_its_link_and_mode_and_may_have_a_long_name(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    for path in (link, tmp_path / ("n" * 255)):
        with replacing(path) as part:
            part.write_text("new")
        assert path.read_text() == "new"
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 3


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file grow beyond a size in bytes: writing more fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


TRAINED = "input 1x8x8 net FLATTEN-FC(300)-RELU-FC(10)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


TRAIN = ["train", "-e", TRAINED, "--share", "0.1", "--device", "cpu", "--out", "run"]


def test_training_onto_a_full_disk(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TRAIN, "--epochs", "1"]) == 0
    kept = {path.name: path.read_bytes() for path in (folder / "run").iterdir() if path.is_file()}
    capsys.readouterr()
    for size, place in ((0, "events/events"), (100_000, "last.pt: ")):
        with full_disk(size):
            assert run([*TRAIN, "--resume", "--epochs", "2"]) == 1
        first, second = capsys.readouterr().err.splitlines()
        assert first.startswith(f"error[output]: cannot write run/{place}")
        assert first.endswith(": file too large")
        assert (
            second == "  help: run is as it was; once that is mended, the same command with --resume goes on"
        )
        assert {name: (folder / "run" / name).read_bytes() for name in kept} == kept
        assert not list(folder.rglob("*.part"))
    assert run([*TRAIN, "--resume", "--epochs", "2"]) == 0


def test_training_into_a_folder_that_cannot_be_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "run").write_text("a file")
    assert run([*TRAIN, "--epochs", "1"]) == 1
    assert "error[output]: cannot write to run: " in capsys.readouterr().err
    assert (folder / "run").read_text() == "a file"


@pytest.mark.parametrize("ending", ["py", "safetensors", "json", "pt2", "onnx"])
def test_exporting_onto_a_full_disk(ending: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / f"net.{ending}").write_text("old")
    with full_disk(512):
        assert run(["compile", "-e", TRAINED, "-o", f"net.{ending}"]) == 1
    assert capsys.readouterr().err.startswith(f"error[output]: cannot write net.{ending}: ")
    assert (folder / f"net.{ending}").read_text() == "old"
    assert len(list(folder.iterdir())) == 1


def test_searching_onto_a_full_disk(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = "input 1x8x8 net FLATTEN-FC({200,300})-RELU-FC(10) train epochs = 1 search maximize accuracy"
    with full_disk(20_000):
        assert run(["search", "-e", space, "--share", "0.1", "--trials", "2", "--study", "s"]) == 1
    shown = capsys.readouterr().err
    assert "error[output]: cannot write runs/s/weights/" in shown
    assert "the trials so far are kept; once it can be written, the same command goes on" in shown


@pytest.mark.long
def test_a_limit_that_compares_no_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "input 1x8x8 net FLATTEN-FC({2,3})-RELU-FC(10) train epochs = 1 search maximize accuracy"
    space = f"{text} require accuracy > 3x3"
    assert run(["search", "-e", space, "--share", "0.1", "--trials", "1", "--study", "s"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error[value]: > takes numbers here, not [3, 3]\n  --> -e:1:")
    assert "make room" not in shown and "can be written" not in shown
