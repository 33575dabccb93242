"""Names of a written file: legal in Python, and none that hides what the file itself uses."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection
from itertools import count
from keyword import iskeyword, issoftkeyword
from unicodedata import normalize

FILE = frozenset({"torch", "nn", "F", "Tensor", "annotations", "model"})
"""What every written file binds."""

METHOD = frozenset({"self", "x", "draw", "module", "name", "i"})
"""What the methods of a written class bind by themselves."""

_BUILTINS = frozenset(dir(builtins))


def is_free(name: str, taken: Collection[str] = ()) -> bool:
    """Whether a name may be given to a class, a parameter or a variable of a written file."""
    return (
        name.isidentifier()
        and not (iskeyword(name) or issoftkeyword(name) or name.startswith("__"))
        and not (name in FILE or name in _BUILTINS or name in taken)
    )


def unique(
    wanted: str, taken: Collection[str], *, numbered: Callable[[str, int], str] = "{}{}".format
) -> str:
    """The wanted name, or one like it that is free: with an underscore behind it, or a number."""
    wanted = "".join(c if f"_{c}".isidentifier() else "_" for c in normalize("NFKC", wanted))
    wanted = wanted.lstrip("_") or "value"
    if not wanted.isidentifier():  # it begins with a digit
        wanted = f"_{wanted}"
    if is_free(wanted, taken):
        return wanted
    if not is_free(wanted) and is_free(f"{wanted}_", taken):
        return f"{wanted}_"
    stem = wanted if is_free(wanted) else f"{wanted}_"
    return next(name for i in count(2) if is_free(name := numbered(stem, i), taken))
