"""Tricks that save time, each of them measured, and with a cost to clarity that stays in this module."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

_T = TypeVar("_T")
_Late = TypeVar("_Late", bound="LateDataclass")


@contextmanager
def collecting_later() -> Iterator[None]:
    """No cyclic garbage collection meanwhile (it also serves as a decorator).

    Whoever builds a thousand layers keeps all of them, and each full collection looks at every one for
    nothing: that took more than half of the time of ResNet-1001.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def collect_rarely() -> None:
    """Collect cyclic garbage rarely from now on, in a process that runs one command.

    What a command imports lives until it ends; looking it through for cycles again and again costs a tenth
    of the time of a short one.
    """
    gc.set_threshold(100_000)


def collect_no_more() -> None:
    """Leave cyclic garbage alone from now on, in a process that is about to end.

    The interpreter looks through all objects for cycles before it ends, which took a sixth of the time of
    `blockdsl check`; the operating system takes the memory back anyway.
    """
    gc.freeze()


def copied(value: _T, /, **changes: Any) -> _T:
    """A copy of an object with some attributes changed, made without its constructor.

    `dataclasses.replace` and the constructors of PyTorch's modules check and convert what is known to be
    right, which costs several times as much. The attributes themselves are not copied.

    >>> class Size:
    ...     def __init__(self, rows, columns):
    ...         self.rows, self.columns = int(rows), int(columns)
    >>> vars(copied(Size(2, 3), columns=4))
    {'rows': 2, 'columns': 4}
    """
    other = object.__new__(type(value))
    object.__setattr__(other, "__dict__", value.__dict__ | changes)
    return other


class LateDataclass:
    """Base of classes that become frozen dataclasses when their first instance is made.

    `dataclass` compiles six methods a class. Of 170 operations and recipe terms a file uses a few; the others
    took a fifth of the time of `blockdsl check`.
    """

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpickling makes instances without `__init__`."""
        finish_dataclass(type(self))
        self.__dict__.update(state)


def dataclass_when_used(cls: type[_Late]) -> type[_Late]:
    """Mark a class to become a frozen dataclass; `finish_dataclass` makes it one.

    A class with a constructor of its own becomes one at once, and keeps it.
    """
    if "__init__" in vars(cls):
        return dataclass(frozen=True)(cls)
    cls.__init__ = _finishing  # type: ignore[assignment]
    return cls


def finish_dataclass(cls: type) -> None:
    """Make a class, and those that it inherits from, the frozen dataclasses that they are marked to be."""
    for base in reversed(cls.__mro__):
        if base.__dict__.get("__init__") is _finishing:
            del base.__init__  # type: ignore[misc]
            dataclass(frozen=True)(base)


def _finishing(self: LateDataclass, *arguments: Any, **settings: Any) -> None:
    finish_dataclass(type(self))
    type(self).__init__(self, *arguments, **settings)
