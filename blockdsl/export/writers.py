"""A network as a file, of the kind that the file's ending says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.extras import require
from blockdsl.output import Outputs

if TYPE_CHECKING:
    from torch import nn

    from blockdsl.lowering import Program

Writer = Callable[["Program", "nn.Module", Path], None]
"""Writes a program, with the weights of its module, to a path."""


def _python(program: Program, module: nn.Module, path: Path) -> None:
    """Readable PyTorch that needs torch alone."""
    from blockdsl.export.python import python_source

    path.write_text(python_source(program), encoding="utf-8")


def _pt2(program: Program, module: nn.Module, path: Path) -> None:
    """The traced network, for `torch.export.load`."""
    from blockdsl.export.traced import write_pt2

    _check_weights(module)
    write_pt2(program.graph, module, path)


def _onnx(program: Program, module: nn.Module, path: Path) -> None:
    """The traced network for other runtimes."""
    from blockdsl.export.traced import write_onnx

    _check_weights(module)
    write_onnx(program.graph, module, path)


def _safetensors(program: Program, module: nn.Module, path: Path) -> None:
    """The `state_dict`, with the network's text beside it."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    _check_weights(module)
    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    source = program.file.span.source
    try:
        save_file(tensors, path, metadata={"title": program.meta.title, "arch": source.text})
    except SafetensorError as reason:  # what it makes of an error of the file
        raise OSError(str(reason)) from None


def _json(program: Program, module: nn.Module, path: Path) -> None:
    """The graph as networkx's node-link data."""
    from blockdsl.export.graph_json import write_json

    write_json(program.graph, program.meta.title, path)


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


def export(program: Program, module: nn.Module, paths: Sequence[Path]) -> None:
    """Write a network to files, each of the kind that its ending says; all of them appear together or none.

    Args:
        program: the network.
        module: its module, whose weights are written.
        paths: what `writer_for` and `check_outputs` accept, which callers ask before they build the module.

    Raises:
        ArchError: a kind is unknown, a package that it needs is missing, or a file cannot be written.
    """
    with Outputs() as together:
        for path in paths:
            with together.replacing(path) as part:
                writer_for(path)(program, module, part)


def _check_weights(module: nn.Module) -> None:
    if any(tensor.is_meta for tensor in module.state_dict().values()):
        raise error(
            "output",
            "cannot write weights: the device meta holds none",
            help="leave --device away, or write .py or .json",
        )
