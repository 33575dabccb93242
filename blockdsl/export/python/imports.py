"""The import lines of a written file."""

from __future__ import annotations

import ast
import sys

from blockdsl.export.python.text import WIDTH


def import_lines(text: str, more: set[str]) -> str:
    """The import lines of a file, in groups and in order as isort has them.

    Args:
        text: the rest of the file. PyTorch's names are imported where it mentions them.
        more: the import lines of what the file defines.
    """
    code = _code(text)
    names = [name for name in ("Tensor", "nn") if name in code]
    lines = {*more, "from __future__ import annotations", f"from torch import {', '.join(names)}"}
    lines |= {"import torch"} if "torch" in code else set()
    lines |= {"from torch.nn import functional as F"} if "F" in code else set()
    groups: dict[int, list[ast.Import | ast.ImportFrom]] = {}
    for node in _joined(lines):
        module = (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        top = module.partition(".")[0]
        group = 0 if top == "__future__" else 1 if top in sys.stdlib_module_names else 2
        groups.setdefault(group, []).append(node)
    return "\n\n".join("\n".join(map(_import_line, groups[group])) for group in sorted(groups))


def _joined(lines: set[str]) -> list[ast.Import | ast.ImportFrom]:
    """Import statements, with one statement for all names of a module that keep their names, in order."""
    imports: list[ast.Import | ast.ImportFrom] = []
    kept: dict[str, dict[str, ast.alias]] = {}
    renamed: list[tuple[str, ast.alias]] = []
    for node in ast.parse("\n".join(sorted(lines))).body:
        if isinstance(node, ast.Import):
            imports.append(node)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            for alias in node.names:
                if alias.asname is None:
                    kept.setdefault(module, {})[alias.name] = alias
                else:
                    renamed.append((module, alias))
    found = [(module, sorted(names.values(), key=_order_of_alias)) for module, names in kept.items()]
    found += [(module, [alias]) for module, alias in renamed]
    found.sort(key=lambda one: (one[0], _order_of_alias(one[1][0])))
    return imports + [ast.ImportFrom(module, aliases, 0) for module, aliases in found]


def _order_of_alias(alias: ast.alias) -> tuple[int, str, str]:
    """Constants first, then classes, then the rest."""
    name = alias.name
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2
    return kind, name, alias.asname or ""


def _import_line(node: ast.Import | ast.ImportFrom) -> str:
    line = ast.unparse(node)
    if len(line) <= WIDTH or not isinstance(node, ast.ImportFrom):
        return line
    names = [f"    {ast.unparse(alias)}," for alias in node.names]
    return "\n".join([f"from {node.module} import (", *names, ")"])


def _code(text: str) -> set[str]:
    """The names that a text mentions as Python, and not in words."""
    try:
        parsed = ast.parse(text)
    except SyntaxError:
        return set()  # `_prove` tells it
    return {node.id for node in ast.walk(parsed) if isinstance(node, ast.Name)}
