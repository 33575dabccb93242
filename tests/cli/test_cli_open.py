"""`blockdsl open`: what it writes, what it says, what it refuses."""

from pathlib import Path

import pytest

from blockdsl.cli import run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_open_writes_a_space(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--width", "0.5..2", "--depth", "1..5", "--shortcut"]
    assert run(["open", "resnet20", *options, "-o", "space.arch"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "opened width    {0.5..2 step 0.25}, at 4 places",
        "opened depth    {1..5}, at 3 places",
        "opened shortcut with or without, at 1 place",
        "1,668,296 assignments; the network itself is one of them",  # 7 * (2 + 4 + 8 + 16 + 32)**3
        "wrote space.arch",
    ]
    assert "-stage(basic_a,wide(16),{1..5})" in Path("space.arch").read_text()
    assert run(["fmt", "--check", "space.arch"]) == 0
    assert run(["space", "space.arch", "--draws", "5"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["width", "{0.5..2", "step", "0.25}"] in lines
    assert ["n", "{1..5}"] in lines


def test_open_to_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["open", "-e", "CONV(8,3)-RELU-GAP-FC(2)", "--input", "3x8x8", "--width", "1,2"]) == 0
    shown = capsys.readouterr()
    assert shown.out == (
        "# -e with its width opened by `blockdsl open`.\n\n"
        "input 3x8x8\n\n"
        "let width   = {1, 2}  # all widths times this\n"
        "let wide(c) = max(1, round(width*c))\n\n"
        "net CONV(wide(8),3)-RELU-GAP-FC(2)\n\n"
        "search\n    maximize accuracy\n    minimize params\n"
    )
    assert shown.err.splitlines()[-1] == "2 assignments; the network itself is one of them"


@pytest.mark.long
def test_open_tells_what_it_did_not_open(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["open", "vgg16", "--depth", "1..3", "--shortcut", "-o", "s.arch"]) == 0
    assert "no     shortcut no sum has the identity among its parts\n" in capsys.readouterr().err
    assert run(["open", "wrn_28_10", "--shortcut", "-o", "s.arch"]) == 0
    assert (
        "kept   preact.arch:9:19: `branch + conv(c,1,s)`: none of its parts can be the identity\n"
        in capsys.readouterr().err
    )


def test_what_a_file_uses_is_found_from_another_folder() -> None:
    Path("mine.arch").write_text("block u(c) = CONV(c,1)-RELU\n")
    Path("net.arch").write_text('use "mine.arch"\ninput 3x8x8\nnet u(4)*2-GAP-FC(2)\n')
    Path("spaces").mkdir()
    assert run(["open", "net.arch", "--depth", "1..3", "-o", "spaces/s.arch"]) == 0
    assert 'use "../mine.arch"' in Path("spaces/s.arch").read_text()
    assert run(["space", "spaces/s.arch", "--draws", "3"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenet5"], "say what to open: --width, --depth, --kernel, --shortcut"),
        (["lenet5", "--depth", "1..3"], "there is nothing of this kind to open in lenet5.arch"),
        (["lenet5", "--width", "2..3"], "1 is not among {2..3 step 0.25}"),
        (["residual", "--width", "1,2"], "residual.arch is a space already"),
        (["lenet5", "--width", "1,2", "-o", "no/where.arch"], "cannot write no/where.arch"),
    ],
)
def test_open_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["open", *arguments]) != 0
    assert message in capsys.readouterr().err
