"""Extras: a missing one is named with a command that installs it and keeps the installed torch."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from blockdsl import extras
from blockdsl.diagnostics import ArchError
from blockdsl.extras import EXTRAS, install_command, require

ROOT = Path(__file__).parents[1]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def installed_torch(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(extras, "version", lambda name: {"torch": found}[name])


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_message_names_what_is_missing_and_an_extra_that_brings_it(
    extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    installed_torch(monkeypatch, "2.13.0")
    with pytest.raises(ArchError) as raised:
        require(extra, "cannot begin")
    text = str(raised.value)
    assert text.startswith("error[missing]: cannot begin without ")
    assert text.endswith(f'  help: `pip install "blockdsl[{extra}]" "torch==2.13.0"`')
    brought = {re.split(r"[<>=]", requirement)[0] for requirement in DECLARED[extra]}
    for module in EXTRAS[extra]:
        assert module in text and module in brought


def test_every_extra_is_described_and_has_its_message() -> None:
    assert set(DECLARED) == {*EXTRAS, "test"}  # no command needs what the tests need
    for extra in DECLARED:
        assert f"| `[{extra}]` |" in README


def test_what_is_installed_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: object() if name == "plotly" else None)
    with pytest.raises(ArchError, match="without jinja2, which is not installed"):
        require("report", "cannot write a report")
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    require("report", "cannot write a report")


@pytest.mark.parametrize(
    ("torch", "index"),
    [
        ("2.13.0+cpu", " --extra-index-url https://download.pytorch.org/whl/cpu"),
        ("2.9.1+cu126", " --extra-index-url https://download.pytorch.org/whl/cu126"),
        ("2.9.1+rocm6.4", " --extra-index-url https://download.pytorch.org/whl/rocm6.4"),
        ("2.13.0", ""),  # from the usual index, as torchvision is
        ("2.10.0a0+git1a2b3c4", ""),  # built by hand: there is no such index
    ],
)
def test_torchvision_comes_from_where_the_build_of_torch_does(
    torch: str, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed_torch(monkeypatch, torch)
    assert install_command("vision") == f'pip install "blockdsl[vision]" "torch=={torch}"{index}'
    assert install_command("onnx") == f'pip install "blockdsl[onnx]" "torch=={torch}"'
    again = install_command("vision", reinstall=True)
    assert again == f'pip install --upgrade torchvision "torch=={torch}"{index}'


def test_without_torch_there_is_nothing_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "version", missing)
    assert install_command("report") == 'pip install "blockdsl[report]"'


def test_pip_accepts_the_command_with_the_constraints_and_keeps_torch(tmp_path: Path) -> None:
    words = shlex.split(install_command("onnx"))
    assert words[:2] == ["pip", "install"] and f"torch=={version('torch')}" in words
    pip = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install"]
    report = tmp_path / "report.json"
    dry = ["--dry-run", "--no-index", "--quiet", "--report", str(report)]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, *dry, *constraints, *words[2:]], check=True, capture_output=True, cwd=tmp_path)
    assert json.loads(report.read_text())["install"] == []  # all of [onnx] is here, and torch fits


def test_no_other_place_tells_how_to_install() -> None:
    telling = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "blockdsl").rglob("*.py")
        if "pip install" in file.read_text(encoding="utf-8")
    }
    # pygraphviz is a requirement, not an extra, and does not depend on torch.
    assert telling == {"blockdsl/extras.py", "blockdsl/render/graphviz.py"}
