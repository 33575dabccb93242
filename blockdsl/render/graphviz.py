"""Graphviz at work: layout and files, through pygraphviz."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from blockdsl.diagnostics import error

if TYPE_CHECKING:
    import pygraphviz

FORMATS = ("svg", "png", "pdf", "dot")
_DPI = "144"


def can_draw() -> bool:
    """Whether pygraphviz is installed."""
    return find_spec("pygraphviz") is not None


def check_installed() -> None:
    """Refuse to draw without pygraphviz.

    Raises:
        ArchError: it is missing; the message names the command.
    """
    if not can_draw():
        raise error(
            "missing", "pictures are laid out by Graphviz, and pygraphviz is not installed",
            help="`pip install pygraphviz` (its wheels bring Graphviz along); .html needs none of it",
        )  # fmt: skip


def drawn(graph: pygraphviz.AGraph, kind: str) -> bytes:
    """A graph, laid out from the top, as a file of a kind of `FORMATS`, or with its layout as `json`."""
    _find_fonts()
    if kind == "dot":
        return str(graph.to_string()).encode()
    if kind == "png":
        graph.graph_attr["dpi"] = _DPI
    with _quiet():
        data: bytes = graph.draw(format=kind, prog="dot")
    return data


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the C libraries say of the machine's font configuration from standard error."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _find_fonts() -> None:
    """Where a machine has no configuration of fonts, let Graphviz find what there is, and matplotlib's.

    The wheels bring the fontconfig library without its files; a picture would have no words.
    """
    if "FONTCONFIG_FILE" in os.environ or Path("/etc/fonts/fonts.conf").exists():
        return

    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/Library/Fonts"),
               Path("/System/Library/Fonts"), Path("C:/Windows/Fonts"), Path.home() / ".fonts",
               Path.home() / ".local/share/fonts"]  # fmt: skip
    spec = find_spec("matplotlib")
    if spec and spec.origin:
        folders.append(Path(spec.origin).parent / "mpl-data/fonts/ttf")
    lines = "".join(f"<dir>{escape(str(folder))}</dir>" for folder in folders if folder.is_dir())
    cache = Path(tempfile.gettempdir()) / "blockdsl-fonts"
    file = Path(tempfile.mkdtemp(prefix="blockdsl-fonts-")) / "fonts.conf"
    file.write_text(
        f"<fontconfig>{lines}<cachedir>{escape(str(cache))}</cachedir>{_LIKE_HELVETICA}</fontconfig>"
    )
    os.environ["FONTCONFIG_FILE"] = str(file)


_LIKE_HELVETICA = "".join(
    f"<alias><family>{family}</family><accept><family>Arial</family><family>Liberation Sans</family>"
    "<family>DejaVu Sans</family></accept></alias>"
    for family in ("Helvetica", "sans-serif")
)
