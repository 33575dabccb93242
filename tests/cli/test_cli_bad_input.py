"""Every command over a corpus of bad input: an error that names it, and never a defect of ours."""

import itertools
import os
import random
import shlex
import sqlite3
import struct
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from typer.main import get_command

from blockdsl.cli import run
from blockdsl.cli.app import application

COMMANDS = dict(get_command(application()).commands)  # type: ignore[attr-defined]
SPACE = "input 1x8x8\nnet CONV({2,4},3)-FLATTEN-FC(10)\nsearch\n  minimize params\n"
GOOD = "input 1x8x8\nnet CONV(4,3)-RELU-FLATTEN-FC(10)\n"

TEXTS = {
    "empty": b"",
    "blank": b" \n\t\n",
    "nul": b"net RELU\0",
    "invalid": b"net \xff\xfe",
    "bom": b"\xef\xbb\xbf",
    "utf16": "net RELU".encode("utf-16"),
    "control": b"net \x1b[31m",
    "brackets": b"(" * 1_000_000,
    "closing": b")" * 1000,
    "minus": b"-" * 100_000,
    "large": b"RELU-" * 300_000,
    "open": b"net CONV(",
    "deep": b"net " + b"(" * 5000 + b"RELU" + b")" * 5000,
    "quote": b'title "',
    "comment": b"# only",
    "number": b"input 3x8x8\nnet CONV(" + b"9" * 5000 + b",1)",
    "power": b"input 4\nnet FC(9**9**9)",
    "float": b"input 4\nnet FC(1e999)",
    "zero": b"input 4\nnet FC(0)",
    "negative": b"input 4\nnet FC(-4)",
    "division": b"input 4\nnet FC(1/0)",
    "dims": b"input 0x0x0\nnet RELU",
    "unknown": b"input 4\nnet FOO(1)",
    "used": b'use "missing.arch"\ninput 4\nnet FC(1)',
    "folder": b'use "dir.arch"\ninput 4\nnet FC(1)',
    "cycle": b'use "cycle.arch"\ninput 4\nnet FC(1)',
    "itself": b"input 4\nblock f(c) = f(c)\nnet f(1)",
    "keyword": b"net net net",
    "unicode": "net ＣＯＮＶ(4,３)".encode(),
    "surrogate": b"net \xed\xa0\x80",
    "shape": b"input 1x2x2\nnet CONV(4,9)",
    "check": b"input 4\nnet FC(1)\ncheck params == 99",
    "repeat": b"input 4\nnet FC(4)*99999999999",
    "list": b"input 4\nlet a = [1]\nnet FC(a[7])",
}
"""Contents of .arch files that no command may take, except where it is of no concern to it."""


@pytest.fixture(autouse=True, scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("corpus")
    for name, content in TEXTS.items():
        (folder / f"{name}.arch").write_bytes(content)
    (folder / "good.arch").write_text(GOOD)
    (folder / "space.arch").write_text(SPACE)
    (folder / "dir.arch").mkdir()
    for name in ("loop.arch", "loop.svg"):
        (folder / name).symlink_to(name)
    (folder / "dangling.arch").symlink_to("nowhere.arch")
    os.mkfifo(folder / "pipe.arch")
    (folder / "unreadable.arch").write_text("net (")  # where root runs the tests, it is read
    (folder / "unreadable.arch").chmod(0)
    (folder / "readonly").mkdir()
    (folder / "readonly").chmod(0o500)
    _write_states(folder)
    (folder / "foreign.journal").write_text("not a journal\n")
    (folder / "other.journal").write_text('{"a": 1}\n')
    (folder / "list.journal").write_text("[1]\n")
    (folder / "binary.journal").write_bytes(bytes(range(256)))
    (folder / "empty.db").write_bytes(b"")
    (folder / "text.db").write_text("no database")
    with sqlite3.connect(folder / "foreign.db") as database:
        database.execute("create table studies (a integer)")
    database.close()
    (folder / "broken.json").write_text('{"a": ')
    (folder / "broken.npz").write_bytes(b"PK\x03\x04 no archive")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def _write_states(folder: Path) -> None:
    save_file({"w": torch.ones(3)}, folder / "other.safetensors")
    whole = (folder / "other.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-3])
    (folder / "huge.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    torch.save({"w": torch.ones(3)}, folder / "other.pth")
    whole = (folder / "other.pth").read_bytes()
    (folder / "cut.pth").write_bytes(whole[: len(whole) // 2])
    (folder / "text.pth").write_text("no weights")
    (folder / "empty.pth").write_bytes(b"")
    torch.save([1, 2], folder / "list.pth")
    torch.save({"w": "words", 3: torch.ones(2)}, folder / "words.pth")
    (folder / "cut.onnx").write_bytes(b"\x08\x07\x12")


STATES = [
    "cut.safetensors",
    "huge.safetensors",
    "other.safetensors",
    "other.pth",
    "cut.pth",
    "text.pth",
    "empty.pth",
    "list.pth",
    "words.pth",
    "cut.onnx",
    "dir.arch",
    "missing.pth",
    "good.arch",
]
FILES = [f"{name}.arch" for name in TEXTS]
PATHS = [
    "dir.arch",
    "loop.arch",
    "dangling.arch",
    "pipe.arch",
    "unreadable.arch",
    "missing.arch",
    "good.arch/x.arch",
    "n" * 300,
    "x\x1b[31m\n",
    "[red]",
    "[/]",
    "",
    ".",
    "\udcff.arch",
    "cut.safetensors",
    "text.db",
    "-\N{RIGHT-TO-LEFT OVERRIDE}",
    "study:",
    "study:\x1b",
]
WORDS = [
    "",
    " ",
    "0",
    "-1",
    "nan",
    "inf",
    "1e999",
    "9" * 400,
    "0x0",
    "3x",
    "a",
    "=",
    "a=",
    "=1",
    "a=[",
    "x" * 5000,
    "[red]",
    "[/]",
    "\x1b[31m",
    "\u202e",
    "\udcff",
    "..",
    "1..",
    "1..0",
    "0..1e18",
    "://",
    "sqlite:///text.db",
    "sqlite:///foreign.db",
    "sqlite:////no/such/x.db",
    "foreign.journal",
    "dir.arch",
    "/dev/full/x.svg",
    "/dev/full",
    "/dev/null",
    "/proc/x.svg",
    "readonly/x.svg",
    "readonly/x.py",
    "loop.svg",
    "loop.arch",
    "npz:broken.npz",
    "npz:missing",
    "imagefolder:missing",
    "x.svg",
    "x.py",
    "os:system",
    "missing.json",
]
"""Values for options."""


def outcome(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and standard error; a warning is a fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code = run(arguments)
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert "Traceback" not in text, arguments
        assert not {c for c in text if not c.isprintable() and c != "\n"}, (arguments, ascii(text[:300]))
    assert code in (0, 1, 2), (arguments, shown.err[-1500:])
    if code:
        assert shown.err.strip(), arguments
    return code, shown.err


def calls(command: str, file: str) -> list[str]:
    """A command line for a file: an output and a source are given where the command needs them."""
    needs = {
        "render": ["-o", "out.svg"],
        "weights": ["--from", "other.pth"],
        "open": ["--depth", "1..2"],
        "freeze": ["--first"],
        "search": ["--trials", "1"],
        "train": ["--epochs", "1", "--share", "0.05", "--device", "cpu"],
    }
    files = [file, "good.arch"] if command == "diff" else [file]
    return [command, *needs.get(command, []), "--", *files]


SAMPLE = 4
"""How many of a command's calls the quick tests make; the long one makes all those with files."""


def sample(command: str, every: list[list[str]]) -> list[list[str]]:
    return random.Random(command).sample(every, min(SAMPLE, len(every)))


def file_calls(command: str) -> list[list[str]]:
    return [calls(command, file) for file in [*FILES, *PATHS]]


@pytest.mark.parametrize("command", COMMANDS)
def test_some_files(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in sample(command, file_calls(command)):
        outcome(arguments, capsys)


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_files(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in file_calls(command):
        outcome(arguments, capsys)


@pytest.mark.parametrize("command", ["check", "fmt", "summary"])
def test_a_loop_of_links(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = outcome([command, "loop.arch"], capsys)
    assert code == 1 and "loop.arch" in shown


@pytest.mark.parametrize("file", FILES)
def test_the_error_names_the_file(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = outcome(["check", file], capsys)
    assert code == 1
    assert shown.startswith("error[")
    assert file in shown


def options(command: str) -> Iterator[tuple[str, bool]]:
    for parameter in COMMANDS[command].params:
        if parameter.param_type_name == "option" and parameter.name != "help":
            yield parameter.opts[0], bool(getattr(parameter, "is_flag", False))


def option_calls(command: str) -> Iterator[list[str]]:
    file = "space.arch" if command in ("search", "space", "freeze") else "good.arch"
    for (option, flag), word in itertools.product(options(command), WORDS):
        if not flag:
            head, *rest = calls(command, file)
            yield [head, option, word, *rest]


QUICK = [name for name in COMMANDS if name not in ("train", "search")]


@pytest.mark.parametrize("command", QUICK)
def test_some_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in sample(command, list(option_calls(command))):
        outcome(arguments, capsys)


ENDS = {
    "closed output": ">&-",
    "full output": ">/dev/full",
    "closed input": "<&-",
    "read-only input": ">&- </dev/full",
    "closed errors": "2>&-",
    "full errors": "2>/dev/full",
    "read-only output": "</dev/null 1<&0",
    "all closed": "<&- >&- 2>&-",
    "all full": ">/dev/full 2>/dev/full",
}


def process(command: str, ends: str) -> None:
    """Run a command as a process of its own, in Python's development mode: no traceback, no warning."""
    words = " ".join(map(shlex.quote, calls(command, "-")))
    line = f"{sys.executable} -X dev -m blockdsl.cli {words} {ends}"
    text = SPACE if command == "search" else GOOD
    done = subprocess.run(line, shell=True, capture_output=True, text=True, input=text, timeout=300)
    assert done.returncode in (0, 1, 2), (line, done.stderr)
    for word in ("Traceback", "Warning", "Exception ignored"):
        assert word not in done.stderr, (line, done.stderr)


@pytest.mark.parametrize("command", ["check", "zoo"])
def test_an_end_that_cannot_be_used(command: str) -> None:
    process(command, ENDS["all full"])


@pytest.mark.long
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_ends_that_cannot_be_used(command: str, ends: str) -> None:
    process(command, ENDS[ends])


@pytest.mark.parametrize("command", ["train", "search"])
def test_numbers_that_are_none(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = "space.arch" if command == "search" else "good.arch"
    wrong = [*itertools.product(("--epochs", "--seed"), ("nan", "1.5", "", "\x1b[0m")), ("--share", "nan")]
    wrong += [("--epochs", "0"), ("--share", "-1"), ("--trials", "-1"), ("--jobs", "0"), ("--devices", "0")]
    for option, word in wrong:
        if option in dict(options(command)):
            assert outcome([command, file, option, word], capsys)[0] in (1, 2), (option, word)


@pytest.mark.parametrize("state", STATES)
def test_weights(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["weights", "good.arch", "--from", state, "-o", "carried.safetensors"],
        ["weights", "good.arch", "--from", "other.pth", "--map", state],
        ["compile", "good.arch", "--weights", state],
        ["train", "good.arch", "--epochs", "1", "--weights", state, "--out", "trained"],
    ):
        code, shown = outcome(arguments, capsys)
        assert code == 1, arguments
        assert shown.startswith("error["), arguments
    assert not Path("carried.safetensors").exists()


PLACES = [
    "foreign.journal",
    "other.journal",
    "list.journal",
    "binary.journal",
    "sqlite:///empty.db",
    "sqlite:///text.db",
    "sqlite:///foreign.db",
    "dir.arch",
    "sqlite:///dir.arch",
    "x://y",
    "",
]
"""Storages that hold no study."""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", ["best", "report"])
def test_studies(command: str, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome([command, "study", "--storage", place], capsys)[0] == 1


@pytest.mark.parametrize(
    "place", [pytest.param(p, marks=[pytest.mark.long] if p == "sqlite:///empty.db" else []) for p in PLACES]
)
def test_storages_of_a_search(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome(["search", "space.arch", "--storage", place, "--trials", "1"], capsys)
