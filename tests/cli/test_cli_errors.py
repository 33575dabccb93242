"""Bad input and bad luck: the whole message on stderr, the exit code, nothing half written."""

import io
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from blockdsl.cli import run
from blockdsl.diagnostics import ArchError
from blockdsl.output import replacing


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.arch").write_text("")
    (tmp_path / "binary.arch").write_bytes(bytes(range(256)))
    (tmp_path / "large.arch").write_text("RELU-" * 2_100_000)
    (tmp_path / "deep.arch").write_text("(" * 10_000 + "RELU" + ")" * 10_000)
    (tmp_path / "net.arch").write_text("input 4\nnet FC(2)\n")
    (tmp_path / "sub").mkdir()
    return tmp_path


FILES = [
    (
        ["summary", "alexnot"],
        "error[file]: alexnot is no file here, and no network of the zoo\n  help: did you mean alexnet?",
    ),
    (
        ["summary", "no/such.arch"],
        "error[file]: no/such.arch is no file here, and no network of the zoo\n"
        "  help: `blockdsl zoo` lists the zoo",
    ),
    (["fmt", "such.arch"], "error[file]: such.arch does not exist"),
    (["summary", "sub"], "error[file]: sub is a folder\n  help: name an .arch file"),
    (
        ["check", "binary.arch"],
        "error[file]: binary.arch is not a text file\n  help: an .arch file is UTF-8 text",
    ),
    (
        ["summary", "large.arch"],
        "error[file]: large.arch is larger than 1 MB\n"
        "  help: an .arch file describes a network in text; weights live elsewhere",
    ),
    (
        ["compile", "net.arch", "-o", "net.onyx"],
        "error[output]: cannot write net.onyx: .onyx is no kind of output\n  help: did you mean .onnx?",
    ),
    (
        ["compile", "net.arch", "-o", "net.safetensor"],
        "error[output]: cannot write net.safetensor: .safetensor is no kind of output\n"
        "  help: did you mean .safetensors?",
    ),
    (
        ["compile", "net.arch", "-o", "net.tar"],
        "error[output]: cannot write net.tar: .tar is no kind of output\n"
        "  help: end it in .py, .pt2, .onnx, .safetensors or .json",
    ),
    (
        ["compile", "net.arch", "-o", "net.pt2", "--device", "meta"],
        "error[output]: cannot write weights: the device meta holds none\n"
        "  help: leave --device away, or write .py or .json",
    ),
    (
        ["compile", "net.arch", "-o", "none/net.safetensors"],
        "error[output]: cannot write none/net.safetensors: no such file or directory",
    ),
    (
        ["compile", "net.arch", "-o", "net.arch/net.safetensors"],
        "error[output]: cannot write net.arch/net.safetensors: not a directory",
    ),
    (
        ["compile", "net.arch", "--device", "gpu"],
        "error[option]: --device gpu is no device\n  help: cpu, cuda, cuda:1, mps or meta",
    ),
    (
        ["compile", "net.arch", "--dtype", "bf61"],
        "error[option]: --dtype bf61 is no type of weights\n  help: did you mean bf16?",
    ),
    (
        ["compile", "net.arch", "--seed", "18446744073709551616"],
        "error[option]: a seed has 64 bits at most, 18446744073709551616 has more",
    ),
    (
        ["train", "-e", "CONV(4,3)-FLATTEN-FC(10)", "--input", "1x8x8", "--seed", "-9223372036854775809"],
        "error[option]: a seed has 64 bits at most, -9223372036854775809 has more",
    ),
    (
        ["train", "-e", "CONV(4,3)-FLATTEN-FC(5)", "--input", "1x8x8"],
        "error[train]: digits has 10 classes, the network yields 5\n"
        "  --> -e:1:19\n"
        "     1 | CONV(4,3)-FLATTEN-FC(5)\n"
        "       |                   ^^^^^\n"
        "  help: end the network in FC(10), or --set classes=10 where it has that",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), FILES, ids=[" ".join(a)[:40] for a, _ in FILES])
def test_the_whole_message(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 1
    assert capsys.readouterr().err == message + "\n"


@pytest.mark.parametrize("command", ["summary", "check", "fmt", "compile", "train"])
@pytest.mark.parametrize("file", ["empty.arch", "deep.arch", "binary.arch", "large.arch", "missing.arch"])
def test_no_traceback_in_any_command(command: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path().iterdir())
    assert run([command, file]) == 1
    assert capsys.readouterr().err.startswith("error[")
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("command", ["summary", "check", "compile", "space", "freeze"])
def test_all_errors_of_a_file_at_once(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "two.arch").write_text("input 3x8x8\nnet CONV(0,3)-RELU\n    -FC(10,bais=no)\n")
    assert run([command, "two.arch"]) == 1
    text = capsys.readouterr().err
    assert [line for line in text.splitlines() if line.startswith("  -->")] == [
        "  --> two.arch:2:10",
        "  --> two.arch:3:12",
    ]
    assert text.endswith("\n\n2 errors\n")


def test_a_network_larger_than_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "--input", "8", "-e", "FC(1000000)-FC(1000000000)"]) == 1
    assert capsys.readouterr().err.startswith(
        "error[memory]: the network takes 4.00 PB for one sample, cpu has "
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["summary"], "give FILE or -e TEXT"),
        (["summary", "alexnet", "-e", "RELU"], "not both"),
        (["check"], "give FILES or -e TEXT"),
        (["summary", "alexnet", "--input", "3xx"], "write 3x224x224"),
        (["summary", "alexnet", "--input", "0x4"], "write 3x224x224"),
        (["summary", "alexnet", "--set", "classes"], "write classes=10"),
        (["summary", "alexnet", "--set", "=3"], "write classes=10"),
        (["sumary"], "No such command"),
        (["summary", "--wide", "alexnet"], "No such option"),
    ],
)
def test_usage_is_exit_code_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    printed = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert words in printed


def test_standard_input_that_is_no_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for raw, message in (
        (b"\xff\xfe\x00", "error[file]: standard input is no text\n  help: an .arch file is UTF-8 text\n"),
        (b"RELU-" * 300_000, "error[file]: standard input is larger than 1 MB\n"),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
        assert run(["summary", "-"]) == 1
        assert capsys.readouterr().err == message


def test_a_failed_write_leaves_the_old_file_and_nothing_else(folder: Path) -> None:
    old = folder / "kept.txt"
    old.write_text("old")
    before = sorted(folder.iterdir())
    with pytest.raises(ArchError, match=r"cannot write .*kept\.txt: no space left"), replacing(old) as part:
        part.write_text("half")
        raise OSError(28, "No space left on device")
    with pytest.raises(KeyboardInterrupt), replacing(old) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert old.read_text() == "old"
    assert sorted(folder.iterdir()) == before


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("blockdsl.api.architecture", interrupt)
    assert run(["summary", "net.arch"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_interrupted_while_the_commands_are_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Loading(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "blockdsl.cli.app", Loading("blockdsl.cli.app"))
    assert run(["summary", "net.arch"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def process(command: str) -> subprocess.CompletedProcess[str]:
    program = f"{sys.executable} -m blockdsl.cli"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command.replace('blockdsl', program)}"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_reader_that_goes_away() -> None:
    done = process("blockdsl summary resnet1202 --expand | head -n 1")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_full_disk_at_standard_output() -> None:
    done = process("blockdsl summary alexnet > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "error[output]: cannot write to standard output: no space left on device\n"
