"""Operations from outside: modules that `--import` names, installed packages, and the workers of a search."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import blockdsl
from blockdsl.cli import run
from blockdsl.ops import all_operations, unregister
from blockdsl.ops.registry import failures_of_packages, modules_of_users

DOUBLED = """
import blockdsl

@blockdsl.operation("{name}")
class Doubled(blockdsl.Operation):
    def spec(self, *inputs):
        return blockdsl.ModuleSpec("blockdsl.layers.scale:Scale", factor=2.0)
"""


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of one's own; what a test imports, registers and finds is forgotten after it."""
    known, modules = set(all_operations()), set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    failures_of_packages.cache_clear()
    yield
    for name in set(all_operations()) - known:
        unregister(name)
    for name in set(sys.modules) - modules:
        if name.startswith("mine"):
            del sys.modules[name]
    failures_of_packages.cache_clear()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, as a user starts it."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "blockdsl.cli", *arguments], capture_output=True, text=True, check=False
    )


def installed(name: str, code: str, entry: str) -> None:
    """A package as pip leaves it on `sys.path`, with an entry point."""
    Path(f"{name}.py").write_text(code, encoding="utf-8")
    info = Path(f"{name}-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[blockdsl.operations]\n{name} = {entry}\n", encoding="utf-8")
    sys.path.insert(0, str(Path.cwd()))


def test_a_module_of_this_folder_is_imported() -> None:
    Path("mine_layers.py").write_text(DOUBLED.format(name="DOUBLEDONE"), encoding="utf-8")
    Path("net.arch").write_text("input 3\nnet DOUBLEDONE-FC(2)\n", encoding="utf-8")
    done = command("summary", "net.arch", "--import", "mine_layers")
    assert done.returncode == 0 and "DOUBLEDONE" in done.stdout
    assert modules_of_users() == ()  # this process knows nothing of it


def test_without_the_import_the_message_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", "-e", "input 3 net DOUBLEDONE"]) == 1
    message = capsys.readouterr().err
    assert "error[name]: unknown operation DOUBLEDONE" in message and "--import MODULE" in message


def test_modules_of_packages_are_imported_by_their_dotted_names() -> None:
    Path("mine").mkdir()
    Path("mine/__init__.py").write_text("", encoding="utf-8")
    Path("mine/layers.py").write_text(DOUBLED.format(name="DOUBLEDTWO"), encoding="utf-8")
    assert run(["check", "-e", "input 3 net DOUBLEDTWO", "--import", "mine.layers"]) == 0
    assert modules_of_users() == ("mine.layers",)


@pytest.mark.parametrize(
    ("module", "code", "said"),
    [
        ("mine_none", None, "there is no module named mine_none"),
        ("mine.py", "", "there is no module named mine.py"),
        ("mine_needs", "import mine_other", "there is no module named mine_other"),
        ("mine_raises", "1 / 0", "ZeroDivisionError: division by zero"),
        ("mine_typo", "def f(:", "SyntaxError: "),
        ("", None, "ValueError: Empty module name"),
        ("mine_conv", DOUBLED.format(name="CONV"), "ValueError: an operation named CONV exists"),
        ("mine_lower", DOUBLED.format(name="lower"), "ValueError: an operation's name is UPPERCASE"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(
    module: str, code: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if code is not None:
        Path(f"{module.removesuffix('.py')}.py").write_text(code, encoding="utf-8")
    assert run(["check", "lenet5", "--import", module]) == 1
    assert f"error[import]: cannot import {module}: {said}" in capsys.readouterr().err


def test_an_installed_package_needs_no_import() -> None:
    installed("mine_package", DOUBLED.format(name="DOUBLEDTHREE"), "mine_package")
    assert blockdsl.parse("input 3 net DOUBLEDTHREE").output_shape == (3,)


def test_a_package_is_not_loaded_for_files_that_do_not_need_it() -> None:
    installed("mine_slow", "raise RuntimeError('loaded')", "mine_slow")
    assert blockdsl.load("lenet5").summary().params > 0
    assert "mine_slow" not in sys.modules and failures_of_packages.cache_info().currsize == 0


def test_a_broken_package_is_named_beside_what_is_wrong() -> None:
    installed("mine_broken", "import mine_nothing", "mine_broken")
    with pytest.raises(blockdsl.ArchError) as caught:
        blockdsl.parse("input 3 net CONW(3,3)")
    assert "did you mean CONV?; the operations of mine_broken cannot be imported: " in str(caught.value)
    assert "No module named 'mine_nothing'" in str(caught.value)


def test_workers_of_a_search_know_the_operations() -> None:
    Path("mine_layers.py").write_text(DOUBLED.format(name="DOUBLEDFOUR"), encoding="utf-8")
    Path("space.arch").write_text(
        "input 1x8x8\nnet FLATTEN-FC({4,8})-DOUBLEDFOUR-FC(10)\nsearch\n  minimize params\n",
        encoding="utf-8",
    )
    searched = command("search", "space.arch", "--import", "mine_layers", "--trials", "1")
    assert searched.returncode == 0, searched.stderr
    assert "done  params" in searched.stdout
    lost = command("best", "space-digits", "-o", "lost")
    assert lost.returncode == 1 and "--import MODULE" in lost.stderr and not Path("lost").exists()
    best = command("best", "space-digits", "-o", "won", "--import", "mine_layers")
    assert best.returncode == 0 and "DOUBLEDFOUR" in Path("won/trial0.arch").read_text(encoding="utf-8")
