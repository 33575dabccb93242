"""Every operation as pt2 and as ONNX: it says the same there, or is refused by its name."""

from pathlib import Path

import pytest

import blockdsl
from blockdsl.architecture import Architecture
from blockdsl.cli import run
from tests.export.test_export_operations import CASES
from tests.export.tracing import agree

WITHOUT_ONNX = {"AMP(3x2)", "RRELU"}
"""What PyTorch's exporter has no words for."""
OF_POSITIVES = {"SQRT": "ABS-SQRT"}


def networks() -> dict[str, Architecture]:
    """One network for each text, by a name that a file can have."""
    texts = [(shape, text) for shape, several in CASES.items() for text in several]
    return {
        f"{number}": blockdsl.parse(
            f"net {OF_POSITIVES.get(text, text)}", input=tuple(map(int, shape.split("x")))
        )
        for number, (shape, text) in enumerate(texts)
        if text not in WITHOUT_ONNX
    }


@pytest.mark.long
def test_operations_traced(tmp_path: Path) -> None:
    agree(networks(), tmp_path)


@pytest.mark.parametrize("text", sorted(WITHOUT_ONNX))
def test_operations_that_onnx_has_not(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["compile", "--input", "4x8x8", "-e", text, "-o", "net.onnx"]) == 1
    message = capsys.readouterr().err
    name = text.partition("(")[0]
    assert message.startswith(f"error[output]: {name} cannot be written as onnx: No ONNX function found for")
    assert "\n  --> -e:1:1\n" in message
    assert list(tmp_path.iterdir()) == []
