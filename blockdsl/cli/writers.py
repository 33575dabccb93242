"""What `compile -o` writes, by the file's ending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.extras import require

if TYPE_CHECKING:
    from torch import nn

    from blockdsl.api import Architecture

Writer = Callable[["Architecture", "nn.Module", Path], None]


def _python(architecture: Architecture, module: nn.Module, path: Path) -> None:
    """Readable PyTorch that needs torch alone."""
    from blockdsl.export.python import python_source

    path.write_text(python_source(architecture.program), encoding="utf-8")


def _pt2(architecture: Architecture, module: nn.Module, path: Path) -> None:
    """The traced network, for `torch.export.load`."""
    from blockdsl.export.traced import write_pt2

    _check_weights(module)
    write_pt2(architecture.ir, module, path)


def _onnx(architecture: Architecture, module: nn.Module, path: Path) -> None:
    """The traced network for other runtimes."""
    from blockdsl.export.traced import write_onnx

    _check_weights(module)
    write_onnx(architecture.ir, module, path)


def _safetensors(architecture: Architecture, module: nn.Module, path: Path) -> None:
    """The `state_dict`, with the network's text beside it."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    _check_weights(module)
    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    source = architecture.program.file.span.source
    try:
        save_file(tensors, path, metadata={"title": architecture.title, "arch": source.text})
    except SafetensorError as reason:  # what it makes of an error of the file
        raise OSError(str(reason)) from None


def _json(architecture: Architecture, module: nn.Module, path: Path) -> None:
    """The graph as networkx's node-link data."""
    from blockdsl.export.graph_json import write_json

    write_json(architecture.ir, architecture.title, path)


WRITERS: dict[str, Writer] = {
    ".py": _python,
    ".pt2": _pt2,
    ".onnx": _onnx,
    ".safetensors": _safetensors,
    ".json": _json,
}
"""One entry a kind of output."""


def writer_for(path: Path) -> Writer:
    """The writer for a file's ending.

    Raises:
        ArchError: there is none, or a package that it needs is missing.
    """
    if path.suffix not in WRITERS:
        reason = f"{path.suffix} is no kind of output" if path.suffix else "it has no ending"
        *others, last = WRITERS
        fix = did_you_mean(path.suffix, WRITERS, f"end it in {', '.join(others)} or {last}")
        raise error("output", f"cannot write {path}: {reason}", help=fix)
    if path.suffix == ".onnx":
        require("onnx", f"cannot write {path}")
    return WRITERS[path.suffix]


def _check_weights(module: nn.Module) -> None:
    if any(tensor.is_meta for tensor in module.state_dict().values()):
        raise error(
            "output",
            "cannot write weights: the device meta holds none",
            help="leave --device away, or write .py or .json",
        )
