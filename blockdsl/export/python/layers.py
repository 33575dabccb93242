"""The source of layers that PyTorch has no module for, so that a written file needs nothing of ours."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import sysconfig
import textwrap
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import torch
from torch import nn

from blockdsl import layers
from blockdsl.diagnostics import ArchError, error
from blockdsl.export.python.names import is_free, unique
from blockdsl.export.python.scopes import module_names
from blockdsl.export.python.text import WIDTH, wrapped

_SHOWN_ONLY = frozenset({"extra_repr"})
"""Methods that a written file does without."""


Key = tuple[str, str]
"""A module's name and the name of something that it binds."""

_PROVIDED = {"torch": torch, "nn": nn, "F": nn.functional, "Tensor": torch.Tensor}
"""What a written file imports itself where it is mentioned."""


class Layers:
    """The definitions that a written file takes over: the classes of layers, and what they mention.

    Each has a name in the file that nothing else there has: a user's class may be called as one of ours, as
    one of another module, or as something that the file imports. A class of an installed library is
    imported, not copied.

    Raises:
        ArchError: the source of a class is not at hand (it was typed at a prompt, or made in a function).
    """

    def __init__(self, classes: Iterable[type[nn.Module]]) -> None:
        self._names: dict[Key, str] = {}
        _parsed.cache_clear()  # a module may have been edited and loaded again
        for cls in sorted(classes, key=lambda c: (not _is_ours(c.__module__), c.__module__, c.__name__)):
            if _is_installed(cls.__module__):
                self._names[cls.__module__, cls.__name__] = self._name(cls.__name__, self._taken())
                continue
            if _located(cls.__name__, sys.modules[cls.__module__]) is None:
                raise _unwritable(cls.__module__)
            self._reach(cls.__name__, sys.modules[cls.__module__])

    @property
    def names(self) -> set[str]:
        """All names that the definitions may bind in the written file."""
        return set(self._names.values())

    def name_of(self, cls: type[nn.Module]) -> str:
        """A module's class as the written file mentions it: `nn.Conv2d`, or `DropPath` for one of ours."""
        if getattr(nn, cls.__name__, None) is cls:
            return f"nn.{cls.__name__}"
        return self._names.get((cls.__module__, cls.__name__), cls.__name__)

    def sources(self, classes: Iterable[type[nn.Module]]) -> tuple[list[str], set[str]]:
        """The definitions of classes and of what they need, bases first; the import lines for them."""
        definitions: list[str] = []
        imports: set[str] = set()
        begun: set[tuple[str, int]] = set()
        for cls in sorted(classes, key=self.name_of):
            if _is_installed(cls.__module__):
                written = f" as {name}" if (name := self.name_of(cls)) != cls.__name__ else ""
                imports.add(f"from {cls.__module__} import {cls.__name__}{written}")
                continue
            self._define(cls.__name__, sys.modules[cls.__module__], definitions, imports, begun)
        return definitions, imports

    def _reach(self, name: str, module: ModuleType) -> None:
        """Give a name of a module, and all that it mentions, a name in the file."""
        located = _located(name, module)
        if located is None or (located[0].__name__, name) in self._names:
            return
        module, node = located
        ours = _is_ours(module.__name__)
        taken = set(self._names.values()) if ours else self._taken()
        keeps = _is_provided(name, module) or (ours and name not in taken)
        self._names[module.__name__, name] = name if keeps else self._name(name, taken)
        if not isinstance(node, ast.Import | ast.ImportFrom):
            for other in sorted(_mentioned(node) - {name}):
                self._reach(other, module)

    def _taken(self) -> set[str]:
        """The names that somebody else's definition cannot have."""
        return {*self._names.values(), *_class_names()}

    @staticmethod
    def _name(name: str, taken: set[str]) -> str:
        return name if is_free(name, taken) else unique(name, taken)

    def _define(
        self,
        name: str,
        module: ModuleType,
        definitions: list[str],
        imports: set[str],
        begun: set[tuple[str, int]],
    ) -> None:
        """Add a name of a module, after everything that it mentions."""
        located = _located(name, module)
        if located is None or _is_provided(name, module):
            return
        module, node = located
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.add(_import(node, name, self._names[module.__name__, name]))
            return
        if (module.__name__, node.lineno) in begun:
            return
        begun.add((module.__name__, node.lineno))
        for other in sorted(_mentioned(node) - {name}):
            self._define(other, module, definitions, imports, begun)
        definitions.append("\n".join(_wrapped(self._text(node, module))).rstrip())

    def _text(self, node: ast.stmt, module: ModuleType) -> list[str]:
        """The lines of a definition under its names of the file, without what only shows it."""
        first = _begin(node)
        lines = inspect.getsource(module).splitlines()[first - 1 : node.end_lineno]
        renamed = {}
        for name in _mentioned(node) | _bound(node):
            located = _located(name, module)
            if located and (written := self._names.get((located[0].__name__, name), name)) != name:
                renamed[name] = written
        places = {(n.lineno, n.col_offset, n.id) for n in module_names(node) if n.id in renamed}
        for line, column, name in sorted(places, reverse=True):
            text = lines[line - first].encode()  # columns count bytes
            after = text[column + len(name.encode()) :]
            lines[line - first] = (text[:column] + renamed[name].encode() + after).decode()
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            at = node.lineno - first
            written = renamed.get(node.name, node.name)
            lines[at] = re.sub(rf"^(class|def)(\s+){node.name}\b", rf"\1\g<2>{written}", lines[at])
        for method in reversed(_shown_only(node)):
            begin, end = method.lineno - first, (method.end_lineno or 0) - first + 1
            del lines[max(begin - 1, 0) : end]
        return lines


def _is_ours(module: str) -> bool:
    return module.startswith("blockdsl.")


def _is_installed(module: str) -> bool:
    """Whether a module belongs to an installed library, and not to us or to somebody's own files."""
    file = getattr(sys.modules[module], "__file__", None) or ""
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return not _is_ours(module) and any(Path(file).is_relative_to(folder) for folder in folders)


@cache
def _class_names() -> frozenset[str]:
    """The names of all classes of layers that are ours, which mean something in a written file."""
    found: set[str] = set()
    for known in iter_modules(layers.__path__, f"{layers.__name__}."):
        found |= {node.name for node in _parsed(import_module(known.name)) if isinstance(node, ast.ClassDef)}
    return frozenset(found)


def _is_provided(name: str, module: ModuleType) -> bool:
    return name in _PROVIDED and getattr(module, name, None) is _PROVIDED[name]


def _located(name: str, module: ModuleType) -> tuple[ModuleType, ast.stmt] | None:
    """The statement of a module, or of one of ours that it imports from, that binds a name; else None."""
    node = next((node for node in reversed(_parsed(module)) if name in _bound(node)), None)
    if isinstance(node, ast.ImportFrom):
        if node.module == "__future__":
            return None
        if node.module and _is_ours(node.module):
            return _located(name, sys.modules[node.module])
    return None if node is None else (module, node)


def _import(node: ast.Import | ast.ImportFrom, name: str, written: str) -> str:
    """The line that imports a name alone, as it is called in the written file."""
    alias = next(a for a in node.names if name in (a.asname, a.name) or a.name.partition(".")[0] == name)
    if written != name:
        if isinstance(node, ast.Import) and alias.asname is None and "." in alias.name:
            raise error(
                "output",
                f"`import {alias.name}` binds {name}, which means something else in the written file",
                help=f"import {alias.name} as another name",
            )
        alias = ast.alias(alias.name, written)
    return ast.unparse(type(node)(**{**vars(node), "names": [alias]}))


def _wrapped(lines: list[str]) -> list[str]:
    """Lines of ours at the width of a written file."""
    result = []
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()))
        if len(line) > WIDTH and line.lstrip().startswith('"""') and line.endswith('"""'):
            text = textwrap.wrap(line.strip().strip('"'), WIDTH - len(indent) - 6)
            result += [f'{indent}"""{text[0]}', *(indent + t for t in text[1:]), f'{indent}"""']
        elif len(line) > WIDTH and line.lstrip().startswith("#"):
            result += [f"{indent}# {t}" for t in textwrap.wrap(line.strip("# "), WIDTH - len(indent) - 2)]
        else:
            code = re.sub(r"  # type: ignore.*", "", line)
            result += [code] if _in_pieces(code) else wrapped([code])
    return result


def _in_pieces(code: str) -> bool:
    """Whether a line has a comma outside of brackets: no bracket of it is the one to break."""
    depth = 0
    for character in code:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            return True
    return False


def _begin(node: ast.stmt) -> int:
    """The line that a definition begins in, with its decorators."""
    decorators = node.decorator_list if isinstance(node, ast.ClassDef | ast.FunctionDef) else []
    return min([node.lineno, *(d.lineno for d in decorators)])


def _shown_only(node: ast.stmt) -> list[ast.FunctionDef]:
    inside = node.body if isinstance(node, ast.ClassDef) else []
    return [d for d in inside if isinstance(d, ast.FunctionDef) and d.name in _SHOWN_ONLY]


def _mentioned(node: ast.stmt) -> set[str]:
    """The names that a definition mentions, but for those in methods that only show it."""
    dropped = {id(n) for method in _shown_only(node) for n in ast.walk(method)}
    return {n.id for n in module_names(node) if id(n) not in dropped}


def _bound(node: ast.stmt) -> set[str]:
    """The names that a statement of a module binds."""
    match node:
        case ast.ClassDef() | ast.FunctionDef():
            return {node.name}
        case ast.Assign():
            return {t.id for t in node.targets if isinstance(t, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return set()


@cache
def _parsed(module: ModuleType) -> list[ast.stmt]:
    try:
        return ast.parse(inspect.getsource(module)).body
    except (OSError, TypeError):
        raise _unwritable(module.__name__) from None


def _unwritable(module: str) -> ArchError:
    return error(
        "output",
        f"the source of {module} is not at hand, so its layers cannot be written down",
        help="define the operation in a file and import it",
    )
