"""Tables on real pseudo-terminals: names and numbers stand there whole at every width."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Sequence

import pytest

import blockdsl
from blockdsl.analysis import table
from blockdsl.tables import Column, Table, as_text, pairs

WIDTHS = (40, 80, 100, 120)
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(arguments: Sequence[str], width: int) -> str:
    """What a command prints on a terminal of this width, without its colours."""
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
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
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
