"""The package's extras: what each brings, and the pip command that adds it and keeps the installed torch."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from blockdsl.diagnostics import error

EXTRAS = {
    "vision": ("torchvision",),
    "onnx": ("onnx", "onnxscript"),
    "report": ("plotly", "jinja2"),
}
"""Extras of pyproject.toml, with the modules that this package imports from them."""

_WHEELS = "https://download.pytorch.org/whl"
_BUILD = re.compile(r"\+(cpu|xpu|cu\d+|rocm[\d.]+)$")
"""How the builds of torch end that have an index of their own under `_WHEELS`."""


def require(extra: str, purpose: str) -> None:
    """Refuse to begin without the modules of an extra.

    Args:
        extra: a name of `EXTRAS`.
        purpose: what cannot be done without them, as the message begins: `cannot write net.onnx`.

    Raises:
        ArchError: one is not installed; the message names the command that installs the extra.

    Example:
        >>> require("onnx", "cannot write net.onnx")
    """
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise error(
            "missing",
            f"{purpose} without {' and '.join(missing)}, which {verb} not installed",
            help=f"`{install_command(extra)}`",
        )


def install_command(extra: str, *, reinstall: bool = False) -> str:
    """The command that installs an extra beside the installed torch, which is pinned and so stays.

    torchvision has compiled operators and works only with the build of torch that it was made for. Where
    torch comes from an index of such builds (`2.13.0+cpu`), the command takes torchvision from there.

    Args:
        extra: a name of `EXTRAS`.
        reinstall: replace the extra's packages that are installed, since they do not fit.

    Example:
        >>> install_command("onnx")  # doctest: +ELLIPSIS
        'pip install "blockdsl[onnx]" "torch==...'
    """
    wanted = ["--upgrade", *EXTRAS[extra]] if reinstall else [f'"blockdsl[{extra}]"']
    try:
        torch = version("torch")
    except PackageNotFoundError:
        return " ".join(["pip install", *wanted])
    wanted.append(f'"torch=={torch}"')
    build = _BUILD.search(torch)
    if extra == "vision" and build:
        wanted.append(f"--extra-index-url {_WHEELS}/{build[1]}")
    return " ".join(["pip install", *wanted])
