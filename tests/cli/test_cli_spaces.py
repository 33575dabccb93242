"""`blockdsl space` and `blockdsl freeze`: what they print, and what they refuse."""

from pathlib import Path

import pytest

from blockdsl.cli import run

SPACE = """input 1x8x8
let w = {4, 8, 64}
block unit(c) = CONV(c,{1,3},pad=same)-RELU
net unit(w)-unit(w)-{GAP, POOL(2)-FLATTEN}-FC(10)

search
    maximize accuracy
    require params <= 3k
    require macs <= 100M
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.arch").write_text(SPACE)


def test_space_describes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["space", "space.arch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "space.arch: 24 assignments"
    assert "  w                         {4, 8, 64}" in lines
    assert "  unit[1…2].conv[1].kernel  {1, 3}" in lines
    assert any(line.startswith("  require params <= 3k") and line.endswith("kills most") for line in lines)
    assert any(line.split() == ["require", "macs", "<=", "100M", "met", "by", "100.0%"] for line in lines)


def test_space_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["space", "space.arch", "--enumerate"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 24
    # 1x1 to 4 maps, twice: 4+4 + 4*4+4; FC: 4*10+10. MACs: 64*(4 + 16) + 40.
    assert lines[1].split(maxsplit=2) == [
        "78", "1,320", "w=4 unit[1].conv[1].kernel=1 unit[2].conv[1].kernel=1 choice[1]=GAP",
    ]  # fmt: skip


def test_space_draws_alike_with_one_seed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for seed in ("1", "1", "2"):
        assert run(["space", "space.arch", "--sample", "5", "--seed", seed]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] != shown[2]


def test_space_without_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    text = "input 4\nnet DROPOUT({0.1..0.5})"
    assert run(["space", "-e", text]) == 0
    assert "no end of assignments, since a real number is open" in capsys.readouterr().out
    assert run(["space", "-e", text, "--enumerate"]) == 1
    assert "a real number is open: there is no end of networks" in capsys.readouterr().err


def test_space_counts_what_real_numbers_leave(capsys: pytest.CaptureFixture[str]) -> None:
    train = "train\n optimizer = sgd(lr={0.1..0.3}, momentum={0.0..0.9})"
    text = "input 4\nnet {RELU, FC({2,3,4})}\n" + train  # 1 + 3
    assert run(["space", "-e", text]) == 0
    assert "4 assignments for each value of train.optimizer.lr and train.optimizer.momentum" in (
        capsys.readouterr().out
    )


def test_space_shows_what_does_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["space", "-e", "input 1x8x8\nnet CONV(4,3)-(ID + CONV(8,{1,3},p1)) - FC(10)"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("-e: 2 assignments")
    assert " of 300 do not go together, such as:\nerror[shape]: cannot add" in shown


def test_freeze_writes_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["w=8", "unit[2].conv[1].kernel=3", "unit[1].conv[1].kernel=3", "choice[1]=2"]
    options = [word for text in chosen for word in ("--choose", text)]
    assert run(["freeze", "space.arch", *options, "-o", "net.arch"]) == 0
    # 1*8*9 + 8 and 8*8*9 + 8 in the convolutions, 8*4*4*10 + 10 behind them.
    assert Path("net.arch").read_text() == (
        "input 1x8x8\nlet w = 8\nblock unit(c) = CONV(c,3,pad=same)-RELU\n"
        "net unit(w)-unit(w)-POOL(2)-FLATTEN-FC(10)\ncheck params == 1_954\ncheck macs   == 42_752\n"
    )
    assert run(["check", "net.arch"]) == 0
    assert run(["fmt", "--check", "net.arch"]) == 0


def test_freeze_to_the_screen_takes_the_rest_as_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["freeze", "space.arch", "--choose", "w=64", "--first"]) == 0
    assert "net unit(w)-unit(w)-GAP-FC(10)" in capsys.readouterr().out
    assert run(["freeze", "space.arch", "--draw", "3"]) == 0
    assert run(["freeze", "-e", "input 4\nnet FC({2,3})", "--first"]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            [],
            "error[open]: the choice w is not bound\n"
            "  --> space.arch:2:9\n"
            "     2 | let w = {4, 8, 64}\n"
            "       |         ^^^^^^^^^^\n"
            "  help: one of {4, 8, 64}: --choose 'w=…' (choose({'w': …}) in Python), or --first (first=True)",
        ),
        (
            ["--choose", "w=5", "--first"],
            "error[choice]: w has no value 5\n"
            "  --> space.arch:2:9\n"
            "     2 | let w = {4, 8, 64}\n"
            "       |         ^^^^^^^^^^\n"
            "  help: it is one of {4, 8, 64}",
        ),
        (
            ["--choose", "unit[1].conv[1].kernal=3", "--first"],
            "error[choice]: no choice unit[1].conv[1].kernal is reached\n"
            "  help: did you mean unit[1].conv[1].kernel?",
        ),
    ],
)
def test_freeze_refuses(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["freeze", "space.arch", *options]) == 1
    assert capsys.readouterr().err.rstrip() == message


def test_a_number_is_an_options_text_before_it_is_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["freeze", "-e", "input 4\nnet FC({2,1})", "--choose", "fc[1].features=1"]) == 0
    assert "FC(1)" in capsys.readouterr().out


def test_space_tells_what_cannot_be_frozen(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.arch").write_text("let w = {4,8}\nblock f = CONV(w,1)\n")
    Path("net.arch").write_text('use "mine.arch"\ninput 3x8x8\nlet w = {1,2}\nnet f-CONV(w,1)\n')
    assert run(["space", "net.arch", "--draws", "5"]) == 0
    shown = capsys.readouterr().out
    assert "its networks cannot be written as files:\nerror[open]: w is defined in two files" in shown
    assert run(["freeze", "net.arch", "--first"]) == 1
    assert "w is defined in two files" in capsys.readouterr().err


def test_an_unknown_name_in_an_option_is_a_slip(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["space", "-e", "input 4\nlet kind = {plain, residual}\nnet RELU"]) == 1
    assert "a word stands in quotes here" in capsys.readouterr().err
