"""Modules of the user's that lie in a folder of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def importable(folder: str | Path | None) -> Iterator[None]:
    """Modules of a folder can be imported meanwhile, before all others, as `python -m` does.

    `sys.path` is left as it was. None is no folder.
    """
    place = None if folder is None else str(Path(folder).resolve())
    if place is None or place in sys.path:
        yield
        return
    sys.path.insert(0, place)
    try:
        yield
    finally:
        if place in sys.path:
            sys.path.remove(place)
