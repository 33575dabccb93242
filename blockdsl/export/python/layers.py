"""The source of layers that PyTorch has no module for, so that a written file needs nothing of ours."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterable
from types import ModuleType

from torch import nn

from blockdsl.diagnostics import error
from blockdsl.export.python.text import WIDTH, wrapped

_SHOWN_ONLY = frozenset({"extra_repr"})
"""Methods that a written file does without."""


def sources(classes: Iterable[type[nn.Module]]) -> tuple[list[str], set[str]]:
    """The definitions of classes and of what they need, bases first; the import lines for them.

    Raises:
        ArchError: the source of a class is not at hand (it was typed at a prompt).
    """
    definitions: dict[str, str] = {}
    imports: set[str] = set()
    origins: dict[str, str] = {}
    for cls in sorted(classes, key=lambda c: c.__name__):
        _define(cls.__name__, sys.modules[cls.__module__], definitions, imports, origins)
    return list(definitions.values()), imports


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


def _define(
    name: str, module: ModuleType, definitions: dict[str, str], imports: set[str], origins: dict[str, str]
) -> None:
    """Add a name of a module, after everything that it mentions."""
    if name in definitions:
        if (
            isinstance(getattr(module, name, None), type)
            and origins[name] != getattr(module, name).__module__
        ):
            raise error(
                "output", f"two layers of the network are called {name}", help="give one of them another name"
            )
        return
    body = _parsed(module)
    found = next((node for node in body if name in _bound(node)), None)
    if isinstance(found, ast.Import | ast.ImportFrom):
        origin = sys.modules.get(getattr(found, "module", None) or "")
        if origin is not None and origin.__name__.startswith("blockdsl"):
            _define(name, origin, definitions, imports, origins)
        else:
            alias = next(a for a in found.names if (a.asname or a.name) == name)
            imports.add(ast.unparse(type(found)(**{**vars(found), "names": [alias]})))
        return
    if found is None:
        return  # a builtin
    text, mentioned = _text(found, module)
    for other in sorted(mentioned - {name}):
        _define(other, module, definitions, imports, origins)
    definitions[name] = text
    origins[name] = module.__name__


def _text(node: ast.stmt, module: ModuleType) -> tuple[str, set[str]]:
    """A definition without what only shows it, and the names that it mentions."""
    lines = inspect.getsource(module).splitlines()
    kept = lines[node.lineno - 1 : node.end_lineno]
    if isinstance(node, ast.ClassDef):
        dropped = [d for d in node.body if isinstance(d, ast.FunctionDef) and d.name in _SHOWN_ONLY]
        for method in reversed(dropped):
            begin, end = method.lineno - node.lineno, (method.end_lineno or 0) - node.lineno + 1
            del kept[max(begin - 1, 0) : end]
        node.body = [d for d in node.body if d not in dropped]
    mentioned = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    mentioned |= {
        n.value.id for n in ast.walk(node) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    }
    return "\n".join(_wrapped(kept)).rstrip(), mentioned


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
            return {alias.asname or alias.name for alias in node.names}
    return set()


def _parsed(module: ModuleType) -> list[ast.stmt]:
    try:
        return ast.parse(inspect.getsource(module)).body
    except (OSError, TypeError):
        raise error(
            "output",
            f"the source of {module.__name__} is not at hand, so its layers cannot be written down",
            help="define the operation in a file and import it",
        ) from None
