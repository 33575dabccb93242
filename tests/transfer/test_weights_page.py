"""docs/weights.md is true: its files, its module and its commands give what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blockdsl.cli import run

PAGE = Path(__file__).parents[2] / "docs" / "weights.md"
FENCE = re.compile(r"^```(\w+) ?([\w.]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_page_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = 0
    for kind, name, body in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "python":
            exec(body, {})
        elif kind == "console":
            command, _, shown = body.partition("\n")
            run(command.removeprefix("$ blockdsl ").split())
            printed = capsys.readouterr()
            assert [line.rstrip() for line in (printed.out + printed.err).splitlines()] == shown.splitlines()
            commands += 1
        else:
            Path(name).write_text(body, encoding="utf-8")
    assert commands == 5
    assert Path("cells.safetensors").is_file()
