"""Tables on real pseudo-terminals: names and numbers stand there whole at every width."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

import blockdsl
from blockdsl.analysis import table
from blockdsl.cli.app import app
from blockdsl.diagnostics import Diagnostic, Mark
from blockdsl.source import Source, Span
from blockdsl.tables import Column, Table, as_text, pairs

WIDTHS = (40, 80, 100, 120)
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(arguments: Sequence[str], width: int, code: int = 0) -> str:
    """What a command that ends with this code prints on a terminal of this width, without its colours."""
    # execve: readline, which pytest imports, sets COLUMNS in the process behind os.environ's back.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    child, master = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-m", "blockdsl.cli", *arguments], environment)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
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
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code
    return _ESCAPE.sub("", b"".join(parts).decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("width", WIDTHS)
def test_summary(width: int) -> None:
    shown = on_terminal(["summary", "resnet18"], width)
    summary = blockdsl.load("resnet18").summary()
    for row in summary.rows():
        name, _, output, *costs = table.cells(row)
        for text in (name.strip(), output, *costs):
            assert text in shown
    assert f"{summary.params:,}" in shown and f"{summary.macs:,}" in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_zoo(width: int) -> None:
    shown = on_terminal(["zoo", "--year", "-2014"], width)
    for name in ("lenet5", "lenet5_1998", "alexnet_single_tower", "inception_module_reduced", "googlenet"):
        assert name in shown
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_compare(width: int) -> None:
    names = ["alexnet", "vgg16", "googlenet", "inception_resnet_v2"]
    shown = on_terminal(["compare", *names], width)
    for name in names:
        assert name in shown
        assert f"{blockdsl.load(name).summary().macs:,}" in shown
    rows = [line for line in shown.splitlines() if not line.startswith("note: ")]  # the terminal wraps notes
    assert max(map(len, rows)) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_diff(width: int) -> None:
    shown = on_terminal(["diff", "lenet5", "alexnet"], width)
    one, two = (blockdsl.load(name).summary() for name in ("lenet5", "alexnet"))
    for number in (one.params, two.params, one.macs, two.macs):
        assert f"{number:,}" in shown
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", ["compile", "search"])
def test_help(command: str, width: int) -> None:
    """Every option stands there whole."""
    shown = on_terminal([command, "--help"], width)
    options = [name for p in _command(command).params for name in p.opts if name.startswith("--")]
    assert {"--input", "--set"} <= {*options}
    for name in options:
        assert re.search(rf"(?<!\S){name}(?!\S)", shown), name
    assert max(map(len, shown.splitlines())) <= width


def _command(name: str) -> Any:
    return get_command(app).commands[name]  # type: ignore[attr-defined]


LONG = "input 3x64x64\nnet " + "CONV(8,3,p1)-RELU-" * 9 + "[CONV(8,3,p1), CONV(9,3,p1)]-SUM" + "-RELU" * 60


@pytest.mark.parametrize("width", WIDTHS)
def test_the_place_of_an_error_is_in_sight(width: int, tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(LONG)
    shown = on_terminal(["check", str(tmp_path / "net.arch")], width, code=1).splitlines()
    quoted = [i for i, line in enumerate(shown) if line.startswith("     2 | ")]
    under = [
        shown[i][m.start() : m.end()]
        for i in quoted
        for below in takewhile(lambda line: line.startswith("       | "), shown[i + 1 :])
        for m in re.finditer(r"\^+", below)
    ]
    assert under == ["CONV(8,3,p1)", "CONV(9,3,p1)"]
    excerpt = [line for line in shown if re.match(r"[ \d]{6} \| ", line)]
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
