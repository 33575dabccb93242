"""`blockdsl compile -o`: every kind, what is missing, and nothing half written."""

import json
from pathlib import Path

import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from blockdsl.cli import run
from blockdsl.export.writers import WRITERS
from blockdsl.extras import install_command
from tests.export.running import network

NET = "input 1x8x8\nnet CONV(4,3)-RELU-FC(3)\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.arch").write_text(NET)
    return tmp_path


def test_all_kinds_are_one_network(folder: Path) -> None:
    for kind in WRITERS:
        assert run(["compile", "net.arch", "--seed", "3", "-o", f"net{kind}"]) == 0
    module = network((folder / "net.py").read_text())
    module.load_state_dict(load_file("net.safetensors"))
    x = torch.randn(2, 1, 8, 8)
    wanted = module.eval()(x)
    torch.testing.assert_close(torch.export.load("net.pt2").module()(x), wanted, rtol=1e-6, atol=1e-6)
    (found,) = onnxruntime.InferenceSession("net.onnx").run(None, {"x": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=1e-5, atol=1e-6)
    nodes = json.loads((folder / "net.json").read_text())["nodes"]
    assert [node["op"] for node in nodes] == ["INPUT", "CONV", "RELU", "FLATTEN", "FC"]
    assert {file.name for file in folder.iterdir()} == {"net.arch", *(f"net{kind}" for kind in WRITERS)}


def test_missing_packages_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("blockdsl.extras.find_spec", lambda name: None)
    assert run(["compile", "net.arch", "-o", "net.onnx"]) == 1
    assert capsys.readouterr().err == (
        "error[missing]: cannot write net.onnx without onnx and onnxscript, which are not installed\n"
        f"  help: `{install_command('onnx')}`\n"
    )
    assert [file.name for file in folder.iterdir()] == ["net.arch"]
