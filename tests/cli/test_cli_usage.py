"""How the command line is read: what is given twice."""

import itertools
import re
from pathlib import Path

import pytest
from typer.core import TyperOption
from typer.main import get_command

from blockdsl.cli import run
from blockdsl.cli.app import application
from blockdsl.cli.usage import UsageError

GROUP = get_command(application())
COMMANDS = GROUP.commands  # type: ignore[attr-defined]
OPTIONS = [
    (name, option)
    for name, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, TyperOption) and option.name != "help"
]


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said, without the frame around it."""
    return " ".join(re.sub("[╭╮╰╯│─]", " ", capsys.readouterr().err).split())


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(*arguments: str) -> str:
    """The error of usage by which a command line is refused, without the time that its frame takes."""
    with pytest.raises(UsageError) as caught:
        GROUP.main([*arguments], "blockdsl", standalone_mode=False)
    assert caught.value.exit_code == 2  # type: ignore[attr-defined]
    return str(caught.value.message)  # type: ignore[attr-defined]


def test_what_takes_one_value_takes_it_once(empty: Path) -> None:
    single = [(name, o) for name, o in OPTIONS if not o.multiple and not o.is_flag]
    assert {"--by", "--from", "--data", "--seed", "-o"} <= {o.opts[0] for _, o in single}
    for command, option in single:
        one, other = option.opts[0], option.opts[-1]
        joined = f"{other}=2" if other.startswith("--") else f"{other}2"
        hint = " / ".join(f"'{opt}'" for opt in option.opts)
        for first, rest in itertools.product(("1", "no such", "2"), ([], ["absent"], ["--", "absent"])):
            words = refusal(command, one, first, joined, *rest)
            assert words == f"Option {hint} takes one value, not 2: {first!r} and '2'."
    assert not list(empty.iterdir())


def test_flags_that_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [(name, o) for name, o in OPTIONS if o.secondary_opts]
    assert pairs
    for command, option in pairs:
        for yes, no in itertools.product(option.opts, option.secondary_opts):
            assert run([command, "absent", yes, no, yes]) == 2
            assert f"{yes} and {no} contradict each other" in printed(capsys)


def test_lists_may_be_given_again() -> None:
    lists = [(name, o.opts[0]) for name, o in OPTIONS if o.multiple]
    assert ("render", "-o") in lists and ("freeze", "--choose") in lists
    for command, option in lists:
        assert "--no-such-option" in refusal(command, option, "a=1", option, "b=2", "--no-such-option")
    assert run(["summary", "lenet5", "--json", "--json"]) == 0


def test_more_than_two_values_and_values_that_look_like_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "absent", "-o", "a.svg", "--output=-o", "-ob.svg"]) == 2
    assert "not 3: 'a.svg', '-o' and 'b.svg'." in printed(capsys)
    assert run(["compare", "absent", "-o", "a.svg", "--", "-o", "b.svg"]) != 2
    assert run(["compare", "absent", "-o", "\x1b[31m", "-o", "b.svg"]) == 2
    assert "\x1b" not in printed(capsys)


def test_help_is_shown_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "-o", "a.svg", "-o", "b.svg", "--help"]) == 0
    assert "Compare what networks cost" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["summary", "lenet5", "--set", "classes=10", "--set", "classes = 12"],
        ["freeze", "residual", "--choose", "classes=10", "--set", "a=1", "--choose", "classes=12"],
    ],
)
def test_one_name_takes_one_value(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "classes is given two values: '10' and '12'" in printed(capsys)
