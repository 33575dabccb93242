"""Tables on real pseudo-terminals: names and numbers stand there whole at every width."""

import json
import os
import pty
import re
import sys
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

import blockdsl
from blockdsl.analysis import table
from blockdsl.cli import run
from blockdsl.cli.app import application
from blockdsl.diagnostics import Diagnostic, Mark
from blockdsl.resources import data_dir, read_source
from blockdsl.source import Source, Span
from blockdsl.tables import Column, Table, as_text, pairs

WIDTHS = (40, 80, 100, 120)
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


CHILD = """
import fcntl, json, struct, sys, termios
from blockdsl.cli import run
for width, commands in json.loads(sys.argv[1]):
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    for command in commands:
        print("\\x1e", end="", flush=True)
        code = run(command)
        print(f"\\x1f{code}", end="", flush=True)
"""
"""Runs commands, one after the other, on terminals of several widths."""


REPLAY = """
import optuna
from blockdsl.nas import search
from blockdsl.nas.study.status import status
def replay(config, space, location, how, study, show, *more):
    before = optuna.create_study(directions=study.directions)
    show(status(before, how.trials))
    show(status(study, how.trials))
    return status(study, how.trials)
search.run = replay
"""
"""Makes `search` tell the trials that a study has as if they ended now, and measure nothing."""


def on_terminal(
    commands: Sequence[tuple[int, Sequence[Sequence[str]]]], before: str = ""
) -> list[tuple[int, list[str]]]:
    """The exit codes of commands and the lines that they print on a terminal, without its colours.

    `before` is what the process that runs them does first.
    """
    # execve: readline, which pytest imports, sets COLUMNS in the process behind os.environ's back.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    child, master = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-c", before + CHILD, json.dumps(commands)], environment)
    parts = []
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    ended = [block.split("\x1f") for block in b"".join(parts).decode().split("\x1e")[1:]]
    # A carriage return begins a line anew: a progress bar.
    return [(int(code), re.split(r"[\r\n]+", _ESCAPE.sub("", shown))) for shown, code in ended]


NET = "input 1x8x8\nnet CONV(4,3,p1)-RELU-GAP-FC(10)\n"
SPACE = (
    "input 1x8x8\nlet width = {4..64 step 4}\nlet activation = {RELU, TANH, SIGMOID, GELU, SILU, ELU}\n"
    "net CONV(width,3,p1)-activation-GAP-FC(10)\nsearch\n    minimize params\n    maximize macs\n"
    "    require params < 500 and macs < 1_000_000 and activations < 100_000 and depth < 10\n"
)
UNTIDY = "input 1x8x8\nnet CONV( 4,3,p1 )-GAP\n"
WRONG = "input 1x8x8\nnet CONV({4,8},3,p1)-(CONV(4,1) + CONV({4,8,16},1))\n"
GROUP = get_command(application())
EVERY = tuple(GROUP.commands)  # type: ignore[attr-defined]
LIGHT = {
    "--help": 0,
    **{f"{name} --help": 0 for name in EVERY},
    "render net.arch -o net.dot": 0,
    "compare alexnet vgg16 googlenet inception_resnet_v2": 0,
    "diff lenet5 alexnet": 0,
    "summary resnet18": 0,
    "summary space.arch": 1,
    "check net.arch lenet5 missing.arch": 1,
    "fmt --check untidy.arch": 1,
    "zoo --year -2014": 0,
    "zoo resnet18": 0,
    "zoo --year then": 2,
    "zoop": 2,
    "space space.arch --draws 20": 0,
    "space wrong.arch --draws 20": 0,
    "freeze space.arch --first": 0,
    "freeze space.arch": 1,
    "open net.arch --width 0.5..2 --depth 1..5 --kernel 3,5 --shortcut": 0,
}
SEARCH = "search space.arch --trials 2 --study made"
HEAVY = {
    "compile net.arch -o net.safetensors": 0,
    "compile net.arch -o net.onyx": 1,
    "train net.arch --data digits --share 0.02 --epochs 1 --out run": 0,
    "weights net.arch --from net.safetensors": 0,
    SEARCH: 0,
    "best made -o winners": 0,
    "report made -o page.html": 0,
}
"""Commands that load PyTorch, with their exit codes as above."""
RESNET = read_source(data_dir("zoo") / "resnet18.arch", "resnet18.arch").text.splitlines()
COPIED = ("freeze", "open")
"""Commands that print what is there to be copied: `.arch` text."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"net": NET, "space": SPACE, "wrong": WRONG, "untidy": UNTIDY}.items():
        (tmp_path / f"{name}.arch").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_is_here() -> None:
    assert {command.split()[0] for command in (*LIGHT, *HEAVY) if "--help" not in command} >= set(EVERY)


in_full: dict[str, list[str]] = {}
"""What commands print where there is no terminal: the same for every width."""


@pytest.mark.parametrize(
    "width", [pytest.param(w, marks=[pytest.mark.long] if w > 80 else []) for w in WIDTHS]
)
def test_light_commands(width: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [c for c in LIGHT if width <= 80 or "--help" not in c or c in ("--help", "search --help")]
    shown = dict(zip(asked, on_terminal([(width, [c.split() for c in asked])]), strict=True))
    for command, (code, lines) in shown.items():
        assert code == LIGHT[command], (command, lines)
        fits(command, lines, width)
        if "--help" in command:
            help_is_whole(command, lines, width)
        elif command in TABLES:
            TABLES[command]("\n".join(lines))
        elif code != 2:  # where typer prints, it draws a frame
            if command not in in_full:
                assert run(command.split()) == code
                in_full[command] = "".join(capsys.readouterr()).splitlines()
            words_are_whole(command, lines, in_full[command])


def test_commands_that_load_pytorch(folder: Path) -> None:
    wide = 1000
    asked = [(40, list(HEAVY))]
    asked += [(w, [c for c in HEAVY if c != SEARCH]) for w in (*WIDTHS[1:], wide)]
    ended = on_terminal([(width, [c.split() for c in commands]) for width, commands in asked])
    names = ((width, command) for width, commands in asked for command in commands)
    shown = dict(zip(names, ended, strict=True))
    for (width, command), (code, lines) in shown.items():
        assert code == HEAVY[command], (command, lines)
        fits(command, lines, width)
        if (wide, command) in shown and not command.startswith("compile net.arch -o net.saf"):
            words_are_whole(command, lines, shown[wide, command][1])
    # A search takes seconds: at the other widths the one above is told again.
    searched = (wide, *WIDTHS[1:])
    replayed = on_terminal([(width, [SEARCH.split()]) for width in searched], before=REPLAY)
    whole = [line for line in replayed[0][1] if line]
    assert [line.split()[0] for line in whole if line[0].isalnum()] == [
        "trial", "trial", "2", *["best"] * (sum(line.startswith("best") for line in whole)), "next"
    ]  # fmt: skip
    told = {40: shown[40, SEARCH], **dict(zip(searched, replayed, strict=True))}
    for width, (code, lines) in told.items():
        assert code == 0
        assert "next    blockdsl best made -o winners/" in lines
        fits(SEARCH, lines, width)
        words_are_whole(SEARCH, lines, whole)


def fits(command: str, lines: Sequence[str], width: int) -> None:
    """Lines fit, but for `.arch` text and commands: they are there to be copied."""
    for line in lines:
        is_text = line in RESNET if command.startswith("zoo") else command.startswith(COPIED)
        assert len(line) <= width or is_text or re.fullmatch(r" *`[^`]+`", line), (command, line)


def words_are_whole(command: str, lines: Sequence[str], whole: Sequence[str]) -> None:
    """The words of the `whole` lines are there, but for those of quoted lines, which show a part."""
    # The times that a training takes, and a progress bar, differ from run to run.
    told = [line for line in whole if not re.search(r"training |epoch |^ +\d+ \| ", line)]
    words = {word for line in told for word in line.split() if re.search(r"[^\W\d]|\d{3}", word)}
    printed = {word for line in lines for word in line.split()}
    assert words <= printed, (command, words - printed)


def summary_is_whole(shown: str) -> None:
    summary = blockdsl.load("resnet18").summary()
    for row in summary.rows():
        name, _, output, *costs = table.cells(row)
        for text in (name.strip(), output, *costs):
            assert text in shown
    assert f"{summary.params:,}" in shown and f"{summary.macs:,}" in shown
    assert "…" not in shown


def zoo_is_whole(shown: str) -> None:
    for name in ("lenet5", "lenet5_1998", "alexnet_single_tower", "inception_module_reduced", "googlenet"):
        assert name in shown


def comparison_is_whole(shown: str) -> None:
    for name in COMPARED:
        assert name in shown and f"{blockdsl.load(name).summary().macs:,}" in shown


def difference_is_whole(shown: str) -> None:
    one, two = (blockdsl.load(name).summary() for name in ("lenet5", "alexnet"))
    for number in (one.params, two.params, one.macs, two.macs):
        assert f"{number:,}" in shown


def file_is_whole(shown: str) -> None:
    """It is an `.arch` file: the totals below are comments, on their further lines too."""
    assert blockdsl.parse(shown).summary().params == blockdsl.load("resnet18").summary().params


COMPARED = ("alexnet", "vgg16", "googlenet", "inception_resnet_v2")
TABLES: dict[str, Callable[[str], None]] = {
    f"compare {' '.join(COMPARED)}": comparison_is_whole,
    "diff lenet5 alexnet": difference_is_whole,
    "summary resnet18": summary_is_whole,
    "zoo --year -2014": zoo_is_whole,
    "zoo resnet18": file_is_whole,
}


def help_is_whole(command: str, lines: Sequence[str], width: int) -> None:
    """Every option and every command stands there whole, from 80 columns on every example in one line."""
    text = "\n".join(lines)
    if command == "--help":
        assert "..." not in text.replace("[ARGS]...", "")
        assert all(re.search(rf"^\W*{name}\W", text, re.MULTILINE) for name in EVERY)
        return
    told = GROUP.commands[command.split()[0]]  # type: ignore[attr-defined]
    for option in (name for p in told.params for name in p.opts if name.startswith("--")):
        assert re.search(rf"(?<!\S){option}(?!\S)", text), (command, option)
    for example in re.findall(r"^ *`(blockdsl [^`]*)`$", told.help, re.MULTILINE):
        assert width < 80 or example in (line.strip("│ `") for line in lines), example


def test_a_long_number_in_a_text_stays_whole() -> None:
    columns = [Column("params", "number"), Column("choices", essential=True)]
    drawn = Table(columns, [["1,234", "width=16 train.optimizer.lr=0.26675262653828663 (beyond)"]])
    lines = as_text(drawn.lines(40)).splitlines()
    assert "0.26675262653828663" in "\n".join(lines) and max(map(len, lines)) <= 40


LONG = "input 3x64x64\nnet " + "CONV(8,3,p1)-RELU-" * 9 + "[CONV(8,3,p1), CONV(9,3,p1)]-SUM" + "-RELU" * 60


@pytest.mark.parametrize("width", WIDTHS)
def test_the_place_of_an_error_is_in_sight(width: int, tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(LONG)
    ((code, lines),) = on_terminal([(width, [["check", str(tmp_path / "net.arch")]])])
    assert code == 1
    quoted = [i for i, line in enumerate(lines) if line.startswith("     2 | ")]
    under = [
        lines[i][m.start() : m.end()]
        for i in quoted
        for below in takewhile(lambda line: line.startswith("       | "), lines[i + 1 :])
        for m in re.finditer(r"\^+", below)
    ]
    assert under == ["CONV(8,3,p1)", "CONV(9,3,p1)"]
    excerpt = [line for line in lines if re.match(r"[ \d]{6} \| ", line)]
    assert max(map(len, excerpt)) <= width
    assert any("8x64x64" in line for line in excerpt) and any("9x64x64" in line for line in excerpt)


@given(
    before=st.text("ab\t(é", max_size=300),
    marked=st.text("xy\t", min_size=1, max_size=60),
    after=st.text("ab\t)", max_size=300),
    width=st.integers(20, 200) | st.none(),
)
def test_what_is_marked_stands_above_the_carets(
    before: str, marked: str, after: str, width: int | None
) -> None:
    source = Source("net.arch", before + marked + after)
    span = Span(source, len(before), len(before) + len(marked))
    message = Diagnostic("shape", "no", (Mark(span),)).text(width)
    _, place, line, carets = message.splitlines()
    assert place.endswith(f"net.arch:1:{len(before) + 1}")
    begin, end = carets.index("^"), len(carets)
    assert line[begin:end].strip("…") in marked.expandtabs(4) or "\t" in marked
    assert line[begin] in "xy "
    assert len(line) <= max(width or 169, 29)  # a margin of 9, and 20 to 160


@pytest.mark.parametrize("width", [*range(30, 130, 7), None])
def test_every_network_of_the_zoo_at_every_width(width: int | None) -> None:
    """In this process: the table that `summary` prints has every name and number in one piece."""
    for net in ("resnet50", "googlenet", "fractalnet_20", "densenet121", "vit_b_16"):
        summary = blockdsl.load(net).summary()
        rows = [table.cells(row) for row in summary.rows(expand=True)]
        columns = [Column("layer", "name"), Column("operation"), Column("output", "name")]
        columns += [Column(head, "number") for head in table.HEADER[3:]]
        lines = as_text(Table(columns, rows, ruled=True).lines(width)).splitlines()
        shown = "\n".join(lines)
        for name, _, output, *costs in rows:
            assert name.strip() in shown or (width is not None and len(name.strip()) > width)
            assert all(text in shown for text in (output, *costs))
        assert width is None or max(map(len, lines)) <= width


def test_words_wrap_beside_their_label() -> None:
    lines = as_text(pairs([("memory", "1.16 MB of weights, 2.05 kB of activations")], 30)).splitlines()
    assert max(map(len, lines)) <= 30
    assert "2.05 kB" in "\n".join(lines) and "1.16 MB" in "\n".join(lines)


def test_control_characters_of_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    comment = "# \x1b]0;owned\x07 \x9b2J \u202eback\x7f"
    text = f'{comment}\ntitle "\x1b]0;owned\x07"\ninput 1x8x8\n\nnet CONV(4,3)-RELU    {comment}\n'
    (folder / "hostile.arch").write_text(text, encoding="utf-8")
    commands = ["check", "summary", "freeze", "space", "open --depth 1..2"]
    calls = [["fmt", "-e", text], *([*command.split(), "hostile.arch"] for command in commands)]
    shown = on_terminal([(80, calls)])
    assert len(shown) == len(calls)
    for _, lines in shown:
        assert not set("".join(lines)) & set("\x1b\x07\x9b\x7f\u202e")
    assert sum("\\x1b]0;owned\\x07" in line for line in shown[0][1]) == 3
    assert run(["fmt", "-e", text]) == 0
    assert capsys.readouterr().out.count(comment) == 2  # a pipe gets the text as it is
