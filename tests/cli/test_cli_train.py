"""`blockdsl train`: what it prints of ensembles, carried weights and frozen layers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from blockdsl.cli import run

NET = "input 1x8x8\nparam classes = 10\nnet body:(CONV(4,3)-BN-RELU)-FLATTEN-head:FC(classes)\n"
QUICK = ["--epochs", "1", "--share", "0.1", "--device", "cpu"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.arch").write_text(NET)
    return tmp_path


HEADER = "member   epochs  outcome   validation  test"


def columns(line: str) -> list[str]:
    return line.split()


def test_an_ensemble_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "net.arch", *QUICK, "--ensemble", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("member ")] == [
        "member 1 of 2", "member 2 of 2", HEADER,
    ]  # fmt: skip
    table = lines[lines.index(HEADER) + 1 :]
    epochs = [line for line in lines if line.startswith("epoch ")]
    best = [columns(line)[7] for line in epochs]
    assert [columns(row)[:4] for row in table[:2]] == [
        ["1", "1", "finished", best[0]],
        ["2", "1", "finished", best[1]],
    ]
    average = columns(table[2])
    assert average[0] == "average" and table[3] == f"validation accuracy {average[1]}"
    assert run(["train", "net.arch", *QUICK, "--ensemble", "3", "--resume"]) == 0
    resumed = capsys.readouterr().out.splitlines()
    assert len([line for line in resumed if line.startswith("epoch ")]) == 1
    assert [row for row in resumed if columns(row)[:1] in (["1"], ["2"])] == table[:2]


def test_several_outputs_share_the_target(capsys: pytest.CaptureFixture[str]) -> None:
    net = """input 1x8x8
net
    let p3 = in-CONV(4,3)
    [p3, early:(p3-GAP-FC(10)), late:(p3-RELU-GAP-FC(10))]
train
    loss       = cross_entropy(weight=2)
    loss.early = mse(weight=0.5)
"""
    Path("net.arch").write_text(net)
    assert run(["train", "net.arch", *QUICK]) == 1
    assert capsys.readouterr().err == (
        "error[train]: digits has 10 classes, the network yields 4x6x6 as p3\n"
        "  --> net.arch:3:17\n"
        "     3 |     let p3 = in-CONV(4,3)\n"
        "       |                 ^^^^^^^^^\n"
        "  help: end it in FC(10), or leave it out: loss.p3 = cross_entropy(weight=0)\n"
    )
    Path("net.arch").write_text(f"{net}    loss.p3 = cross_entropy(weight=0)\n")
    assert run(["train", "net.arch", *QUICK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "accuracy is that of early" in lines
    assert run(["train", "net.arch", *QUICK, "--ensemble", "2", "--out", "two"]) == 0


def test_a_new_head_on_frozen_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "net.arch", *QUICK, "--out", "first"]) == 0
    capsys.readouterr()
    carried = ["--weights", "first/best.safetensors", "--freeze-until", "body", "--out", "second"]
    net = ["train", "net.arch", "--set", "classes=5", "--data", "npz:five.npz"]
    write_five()
    assert run([*net, *QUICK, *carried]) == 0
    lines = capsys.readouterr().out.splitlines()
    # CONV: 4 * 9 + 4, BN: 2 * 4, head: 5 * (4 * 6 * 6) + 5
    assert "frozen until body: 2 of 3 layers with weights, 48 of 773 parameters" in lines
    assert "weights of 2 layers from first/best.safetensors; new: head" in lines
    first, second = load_file("first/best.safetensors"), load_file("second/best.safetensors")
    for name, tensor in second.items():
        assert name.startswith("head.") or tensor.equal(first[name])


def write_five() -> None:
    """The digits 0 to 4."""
    import numpy as np
    from sklearn.datasets import load_digits

    bunch = load_digits()
    five = bunch.target < 5
    np.savez("five.npz", x_train=bunch.images[five], y_train=bunch.target[five])


WRONG = [
    (["--freeze-until", "bdy"], "error[name]: no point of the network is called bdy\n"
     "  help: did you mean body?"),
    (["--freeze-until", "head"], "error[train]: the network has no weights to train\n"
     "  help: freeze less, or add a layer that has"),
    (["--weights", "none.pth"], "error[file]: none.pth does not exist"),
    (["--precision", "fp8"], "error[train]: precision takes fp32, bf16, fp16 or fp64"),
    (["--strategy", "fsdp"], "error[device]: there is no strategy fsdp\n"
     "  help: auto and ddp train a copy of the network on each device; no strategy shards one"),
    (["--devices", str(1 + (os.cpu_count() or 1))],
     f"error[device]: {1 + (os.cpu_count() or 1)} devices were asked for, "
     f"this machine has {os.cpu_count()} cores"),
    (["--device", "cpu:5"], "error[device]: there is no device cpu:5\n"
     "  help: devices are auto, cpu, cuda, cuda:N, mps"),
    (["--device", "cuda:99"], "error[device]: cuda:99 was asked for, "
     f"this machine has {torch.cuda.device_count()} cuda devices"),
    (["--device", "cuda:0", "--devices", "2"], "error[device]: cuda:0 is one device, 2 are asked for\n"
     "  help: --device cuda"),
    (["--share", "0"], "error[data]: a share of 0 is no part of the images\n"
     "  help: above 0, and 1 at the most"),
    (["--data", "mnst"], "error[data]: there is no data set named mnst\n  help: did you mean mnist?"),
    (["--resume", "--out", "none"], "error[resume]: there is no checkpoint none/last.pt\n"
     "  help: train without resuming first"),
    (["--out", "net.arch"], "error[output]: cannot write to net.arch: file exists"),
    (["--set", "classes=20"], "error[train]: digits has 10 classes, the network yields 20\n"
     "  --> net.arch:3:43\n"
     "     3 | net body:(CONV(4,3)-BN-RELU)-FLATTEN-head:FC(classes)\n"
     "       |                                           ^^^^^^^^^^^\n"
     "  help: end the network in FC(10), or --set classes=10 where it has that"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), WRONG, ids=["-".join(o) for o, _ in WRONG])
def test_what_is_wrong(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    device = [] if "--device" in options else ["--device", "cpu"]
    assert run(["train", "net.arch", *device, *options]) == 1
    assert capsys.readouterr().err == message + "\n"
    assert not Path("none").exists()


@pytest.mark.long
def test_two_processes_speak_with_one_voice(folder: Path) -> None:
    command = [sys.executable, "-m", "blockdsl.cli", "train", "net.arch", *QUICK, "--devices", "2"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len([line for line in lines if line.startswith("epoch ")]) == 1
    assert lines.count("wrote runs/net") == 1
    assert (folder / "runs/net/best.safetensors").is_file()


@pytest.mark.long
def test_an_interrupted_run_says_how_it_goes_on(folder: Path) -> None:
    command = [sys.executable, "-m", "blockdsl.cli", "train", "net.arch", "--share", "0.1", "--device", "cpu"]
    endless = subprocess.Popen(
        [*command, "--epochs", "100000"],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell's background jobs ignore the signal, and hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert endless.stdout is not None
    first = next(line for line in endless.stdout if line.startswith("epoch "))
    endless.send_signal(signal.SIGINT)
    out, _ = endless.communicate()
    assert first.startswith("epoch   1 ") and endless.returncode == 130
    last = [line for line in (first + out).splitlines() if line.startswith("epoch ")][-1].split()[1]
    assert out.splitlines()[-1] == (
        f"stopped after epoch {last}; the same command with --resume goes on from runs/net"
    )
    # One epoch more may have been saved by then.
    resumed = [*command, "--epochs", str(int(last) + 2), "--resume"]
    done = subprocess.run(resumed, cwd=folder, capture_output=True, text=True, check=True)
    epochs = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("epoch ")]
    assert epochs in ([int(last) + 1, int(last) + 2], [int(last) + 2])
