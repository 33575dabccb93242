"""What is shipped: the wheel carries its data, the constraints fit the ranges, nothing names a host."""

import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)


def test_the_wheel_has_grammar_zoo_and_licence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"blockdsl/_data/grammars/arch.lark", "blockdsl/_data/zoo/alexnet.arch"} <= names
    assert {
        f"blockdsl/_data/zoo/{f.relative_to(ROOT / 'zoo')}" for f in (ROOT / "zoo").rglob("*.arch")
    } <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests", "benchmarks")) for name in names)


def test_a_wheel_works_without_the_checkout(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-c", "import blockdsl; print(blockdsl.__file__, blockdsl.load('alexnet'))"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert "60,965,224 parameters" in done.stdout


CLIENT = """
import blockdsl

net = blockdsl.load("alexnet", input=(3, 227, 227))
params: int = net.summary().params
reveal_type(net.picture("svg").data)
reveal_type(blockdsl.dense(net))
wrong: str = net.summary().macs
blockdsl.load(3)
"""


def test_an_installed_wheel_is_typed(tmp_path: Path) -> None:
    """mypy reads the annotations of an installed package only where it ships `py.typed`."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    (tmp_path / "client.py").write_text(CLIENT, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--no-error-summary",
               "--python-executable", str(tmp_path / "venv/bin/python"), "client.py"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={"HOME": str(tmp_path)})
    told = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    assert told == [
        'note: Revealed type is "bytes"',
        'note: Revealed type is "blockdsl.architecture.Architecture"',
        'error: Incompatible types in assignment (expression has type "int", variable has type "str")'
        "  [assignment]",
        'error: Argument 1 to "load" has incompatible type "int"; expected "str | Path"  [arg-type]',
    ], done.stdout + done.stderr


def requirements() -> list[str]:
    extras = PROJECT["optional-dependencies"].values()
    return [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]


@pytest.mark.parametrize("requirement", requirements())
def test_pins_lie_within_the_ranges(requirement: str) -> None:
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    if wanted.name in PINS:
        assert PINS[wanted.name] in wanted.specifier


def test_torch_is_the_version_with_a_build_for_the_cpu() -> None:
    assert PINS["torch"] == "2.13.0"


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "Makefile", ".ci/run"])
def test_nothing_names_a_registry(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://|index-url|find-links|file:", text)


def test_the_version_is_one() -> None:
    import blockdsl

    assert PROJECT["version"] == blockdsl.__version__
