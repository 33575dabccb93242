"""Where the files in the language's own words lie: in the wheel, or beside the package."""

from __future__ import annotations

import errno
import os
from functools import cache
from pathlib import Path

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.source import Source

MAX_BYTES = 1_000_000
"""A larger file is no architecture that a person wrote; it is refused before it is parsed."""


@cache
def data_dir(kind: str) -> Path:
    """The folder of `grammars`, `zoo` or `search`: `_data/` of an installed wheel, else a checkout's."""
    package = Path(__file__).parent
    installed = package / "_data" / kind
    return installed if installed.is_dir() else package.parent / kind


def read_source(path: str | Path, shown: str | None = None) -> Source:
    """Read a local file as UTF-8.

    Raises:
        ArchError: it is no .arch file, does not exist, cannot be read, is too large or no text.
    """
    file = Path(path)
    name = shown or str(path)
    behind = os.path.realpath(file)  # a link may lead elsewhere; Path.resolve raises for a loop of links
    if file.suffix != ".arch" or not behind.endswith(".arch"):
        raise error(
            "file", f"{name} is no .arch file", help="a network is read from a file that ends in .arch"
        )
    try:
        if file.exists() and not file.is_file():
            raise error("file", f"{name} is no regular file")
        if file.stat().st_size > MAX_BYTES:
            raise error(
                "file",
                f"{name} is larger than {MAX_BYTES // 1_000_000} MB",
                help="an .arch file describes a network in text; weights live elsewhere",
            )
        raw = file.read_bytes()
        text = raw.decode("utf-8-sig")
    except FileNotFoundError:
        raise error("file", f"{name} does not exist") from None
    except UnicodeDecodeError:
        raise error("file", f"{name} is not a text file", help="an .arch file is UTF-8 text") from None
    except OSError as reason:
        raise error("file", f"cannot read {name}: {reason.strerror}") from None
    if "\0" in text:
        raise error("file", f"{name} is not a text file", help="an .arch file is UTF-8 text")
    return Source(name, text, str(file.resolve().parent))


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """The UTF-8 text of a file that may also be a pipe or a device, such as /dev/stdin.

    Args:
        path: the file.
        most: bytes; of a larger file, or a device without an end, no more is read.

    Raises:
        OSError: it cannot be read or is larger.
        UnicodeDecodeError: it is not a text.
    """
    with path.open("rb") as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most / 1e6:g} MB")
    return raw.decode("utf-8")


def names(kind: str) -> list[str]:
    """The names of the files shipped under `zoo` or `search`, without their ending."""
    return sorted(file.stem for file in data_dir(kind).glob("*.arch"))


def find_source(name: str | Path) -> Source:
    """A local file, or a zoo or search file by its name, with or without `.arch`.

    Raises:
        ArchError: there is no such file in either place.
    """
    text = str(name)
    if Path(text).is_file():
        return read_source(text)
    if Path(text).is_dir():
        raise error("file", f"{text} is a folder", help="name an .arch file")
    stem = text.removesuffix(".arch")
    if "/" not in stem and "\\" not in stem:
        for kind in ("zoo", "search"):
            shipped = data_dir(kind) / f"{stem}.arch"
            if shipped.is_file():
                return read_source(shipped, f"{stem}.arch")
    known = [*names("zoo"), *names("search")]
    raise error(
        "file",
        f"{text} is no file here, and no network of the zoo",
        help=did_you_mean(stem, known, "`blockdsl zoo` lists the zoo"),
    )


def find_used(name: str, folder: str | None) -> Path | None:
    """The file that `use "name"` means: beside the using file, else in the zoo, else in search."""
    places = [Path(folder)] if folder else []
    for place in [*places, data_dir("zoo"), data_dir("search")]:
        if (place / name).is_file():
            return place / name
    return None
