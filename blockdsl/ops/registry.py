"""All operations by their names: the built-in ones and those that users register.

An installed package announces its operations in its `pyproject.toml`:

    [project.entry-points."blockdsl.operations"]
    mypackage = "mypackage.operations"

The module registers them when it is imported. That happens when a file first names an operation that is
not known, so that other files do not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from inspect import get_annotations
from pathlib import Path
from string import Formatter
from typing import TypeVar, dataclass_transform

from blockdsl.diagnostics import error, exception_text
from blockdsl.importing import importable
from blockdsl.ops.core import DeclaredArguments, Operation
from blockdsl.ops.layouts import LAYOUTS
from blockdsl.speedups import dataclass_when_used

GROUP = "blockdsl.operations"
"""The entry points under which installed packages announce operations."""

_registry: dict[str, type[Operation]] = {}
_Op = TypeVar("_Op", bound=Operation)


@dataclass_transform(frozen_default=True)
def operation(name: str, *, inputs: int | None = 1, view: bool = False) -> Callable[[type[_Op]], type[_Op]]:
    """Class decorator: register an operation under an UPPERCASE name.

    The class becomes a frozen dataclass. A field's annotation says what it takes: `int`, `float`,
    `bool`, `str`, or one of the types of `blockdsl.ops.values` (`Count`, `Size`, `Pad`, …).

    A class of the same module and qualified name takes the place of the one that was registered before,
    so that a notebook cell can be run again. Graphs that were made with the earlier class keep it.

    Raises:
        ValueError: another class has the name, it is not uppercase, a field is called like something of
            `Operation`'s, an annotation is not understood, `takes` holds what is no layout,
            or `word` mentions what is no argument.
    """

    def register(cls: type[_Op]) -> type[_Op]:
        if not name.isupper() or not name.isidentifier():
            raise ValueError(f"an operation's name is UPPERCASE, {name!r} is not")
        for field, annotation in get_annotations(cls).items():
            if hasattr(Operation, field) and "ClassVar" not in str(annotation):
                raise ValueError(
                    f"{name}: no argument can be called {field}, which has a meaning in Operation already"
                )
        earlier = _registry.get(name)
        if earlier and (earlier.__module__, earlier.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(
                f"an operation named {name} exists: {earlier.__module__}.{earlier.__qualname__}; "
                "give this one another name"
            )
        if not isinstance(cls.aliases, tuple):
            raise ValueError(f"{name}: aliases is a tuple of names, not {cls.aliases!r}")
        if not (isinstance(cls.takes, tuple) and cls.takes and set(cls.takes) <= set(LAYOUTS.values())):
            raise ValueError(
                f"{name}: takes is a tuple of layouts, such as (blockdsl.Image,), not {cls.takes!r}"
            )
        cls = dataclass_when_used(cls)
        cls.name, cls.inputs, cls.view = name, inputs, view
        cls.arguments = DeclaredArguments()  # type: ignore[assignment]
        if _is_ours(cls):
            cls.family = cls.__module__.rpartition(".")[2]
        else:
            check_word(cls)
        _registry[name] = cls
        return cls

    return register


def check_word(cls: type[Operation]) -> None:
    """Refuse a `word` that mentions what is no argument, or formats one (raises `ValueError`)."""
    known = [*cls.arguments, "channels"]
    for _, field, form, conversion in Formatter().parse(cls.word):
        if field is not None and (field not in known or form or conversion):
            more = f"!{conversion}" * bool(conversion) + f":{form}" * bool(form)
            raise ValueError(
                f"{cls.name}: the word {cls.word!r} mentions {{{field}{more}}}; "
                f"it can mention {', '.join(known)}"
            )


def is_built_in(operation: Operation) -> bool:
    """Whether an operation comes with the library, and not from a user."""
    return _is_ours(type(operation))


def _is_ours(cls: type[Operation]) -> bool:
    return cls.__module__.startswith("blockdsl.ops.")


def whose_mistake(operation: Operation) -> str:
    """The help of an error in the code of a user's operation."""
    return f"{operation.name} is registered by {type(operation).__module__}, which has the mistake"


def find(name: str) -> type[Operation] | None:
    """The operation registered under a name, also by an installed package that announces operations."""
    if name not in _registry and name.isupper():
        failures_of_packages()
    return _registry.get(name)


@cache
def failures_of_packages() -> tuple[str, ...]:
    """Import the modules that installed packages announce; what failed, in words."""
    from importlib.metadata import entry_points

    failures = []
    for announced in entry_points(group=GROUP):
        try:
            announced.load()
        except Exception as failure:  # somebody else's code may raise anything
            package = announced.dist.name if announced.dist else announced.name
            failures.append(f"the operations of {package} cannot be imported: {exception_text(failure)}")
    return tuple(failures)


def import_operations(modules: Iterable[str], *, folder: str | Path | None = None) -> None:
    """Import modules that register operations, as `--import` of the command line does.

    Modules of a `folder` are found before those that are installed. In Python an `import` statement does
    the same.

    Raises:
        ArchError: a module is not found, or fails while it is imported; the exception is the cause.

    >>> import_operations(["torch.nn"])
    """
    for module in modules:
        try:
            with importable(folder):
                import_module(module)
        except ModuleNotFoundError as failure:
            looked = "" if folder is None else " in this folder and"
            raise error(
                "import",
                f"cannot import {module}: there is no module named {failure.name}",
                help="give its name as in Python, without .py; "
                f"it is looked for{looked} among what is installed",
            ) from failure
        except Exception as failure:  # somebody else's code may raise anything
            raise error("import", f"cannot import {module}: {exception_text(failure)}") from failure


def modules_of_users() -> tuple[str, ...]:
    """The modules of the operations at hand that are not built in; another process imports them."""
    return tuple(sorted({cls.__module__ for cls in _registry.values() if not _is_ours(cls)}))


def unregister(name: str) -> None:
    """Forget a user's operation, so that another class can be registered under its name."""
    _registry.pop(name, None)


def all_operations() -> dict[str, type[Operation]]:
    """Every operation by name."""
    return dict(_registry)
