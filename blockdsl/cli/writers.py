"""What `compile -o` writes, by the file's ending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from blockdsl.diagnostics import did_you_mean, error

if TYPE_CHECKING:
    from torch import nn

    from blockdsl.api import Architecture

Writer = Callable[["Architecture", "nn.Module", Path], None]


def _safetensors(architecture: Architecture, module: nn.Module, path: Path) -> None:
    """The `state_dict`, with the network's text beside it."""
    from safetensors.torch import save_file

    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    source = architecture.program.file.span.source
    save_file(tensors, path, metadata={"title": architecture.title, "arch": source.text})


WRITERS: dict[str, Writer] = {".safetensors": _safetensors}
"""One entry a kind of output."""


def writer_for(path: Path) -> Writer:
    """The writer for a file's ending.

    Raises:
        ArchError: there is none; the known endings are named.
    """
    if path.suffix not in WRITERS:
        reason = f"{path.suffix} is no kind of output" if path.suffix else "it has no ending"
        fix = did_you_mean(path.suffix, WRITERS, f"end it in {' or '.join(WRITERS)}")
        raise error("output", f"cannot write {path}: {reason}", help=fix)
    return WRITERS[path.suffix]
