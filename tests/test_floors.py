"""What `lint-imports` cannot check of the architecture: what a command loads, and how long files are."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
FILES = sorted((ROOT / "blockdsl").rglob("*.py"))


def test_contracts_have_no_exceptions() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    given = {key for contract in contracts for key in contract}
    assert contracts and not {key for key in given if key.startswith(("ignore", "skip", "unmatched"))}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT / "blockdsl")))
def test_no_file_is_longer_than_400_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize(
    "arguments",
    [
        None,
        ["check", "alexnet"],
        ["summary", "alexnet", "--json"],
        ["fmt", "-e", "RELU"],
        ["zoo"],
        ["diff", "resnet18", "resnet34"],
        ["freeze", "residual", "--first"],
        ["space", "residual"],
        ["open", "-e", "input 3\nnet FC(4)-FC(2)", "--width", "1,2"],
        ["render", "lenet5", "-o", "x.dot"],
    ],
    ids=lambda arguments: arguments[0] if arguments else "import",
)
def test_light_commands_load_no_numerics(arguments: list[str] | None, tmp_path: Path) -> None:
    call = f"from blockdsl.cli import run; assert run({arguments}) == 0"
    code = call if arguments else "import blockdsl; blockdsl.load; blockdsl.operation"
    heavy = {"torch", "numpy", "optuna", "sklearn", "scipy", "matplotlib"}
    report = f"; import sys; loaded = {heavy} & set(sys.modules); assert not loaded, loaded"
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    ended = subprocess.run(
        [sys.executable, "-c", path + code + report],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_the_page_shows_the_floors_of_the_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    rows = re.findall(r"^\| (`.*?`) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [re.findall(r"`(\w+)`", row) for row in rows] == [floor.split(" | ") for floor in layers]


def test_the_files_that_the_page_names_exist() -> None:
    named = re.findall(
        r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py|/[a-z_]+\.py|/[a-z_]+))`", PAGE.read_text(encoding="utf-8")
    )
    paths = [name for name in named if "/" in name]
    roots = [ROOT / "blockdsl", ROOT, ROOT / "blockdsl" / "cli"]
    assert len(paths) > 25
    assert [name for name in paths if not any((root / name).exists() for root in roots)] == []
