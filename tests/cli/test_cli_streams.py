"""Closed and full streams, and characters that would act on a terminal."""

import subprocess
import sys
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import blockdsl
from blockdsl.visible import visible

NET = "input 3x8x8 net CONV(4,1)"
BLOCKDSL = f"{sys.executable} -X dev -m blockdsl.cli"


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (f"{BLOCKDSL} summary -e '{NET}' >&-", 1, "error[output]: standard output is closed\n"),
        (f"{BLOCKDSL} check - <&-", 1, "error[file]: standard input is closed\n"),
        (f"{BLOCKDSL} summary -e 'net (' 2>&-", 1, ""),
        (f"{BLOCKDSL} summary -e '{NET}' >&- 2>&- <&-", 1, ""),
        (f"{BLOCKDSL} zoo >/dev/full", 1, "error[output]: [Errno 28] No space left on device\n"),
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
    from blockdsl.cli import run

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
