"""Writes docs/operations.md from the declarations of the operations: `python docs/generate.py`.

A test holds the page to what this script would write.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from blockdsl.formatting import rounded
from blockdsl.ops import Operation, all_operations
from blockdsl.ops.geometry import CONVERSIONS
from blockdsl.ops.layouts import GRIDS, LAYOUTS
from blockdsl.ops.values import Range
from blockdsl.recipe import Recipe
from blockdsl.recipe.term import Term, terms_of, written

PAGE = Path(__file__).with_name("operations.md")

HEAD = """# Operations and recipe terms

<!-- Written by docs/generate.py from the declarations; do not edit by hand. -->

Every operation as it is written, its arguments in order with their defaults. Shapes are without the
batch axis: `(C, H, W)` is an image of C channels and H x W positions, `(L, D)` a sequence of L tokens
of D features, `(F,)` a vector of F features. The tags `s2`, `p1`, `g32`, `d2` stand for `stride=2`,
`pad=1`, `groups=32`, `dilation=2` of every operation that has these arguments. The language itself
is described in [language.md](language.md).

A join (SUM, MEAN, CAT, …) takes the tensors of a bundle, or networks in its brackets:
`[A, B]-MEAN` and `MEAN(A, B)` are the same.
"""

FAMILIES = {
    "conv": "Convolution",
    "pool": "Pooling",
    "linear": "Fully connected layers and outputs",
    "norm": "Normalisation",
    "activation": "Activations",
    "gating": "Activations over channels",
    "dropout": "Dropout",
    "join": "Joins",
    "shape": "Channels and shapes",
    "conversion": "Conversions between layouts",
    "weight": "Trained tensors",
    "spatial": "Padding, cropping, resampling",
    "sequence": "Sequences",
    "attention": "Attention",
    "scale": "Constants and scales",
}

LAYOUTS_HEAD = """
## Which operation takes which layout

`flat` stands where an input is flattened on its way in. The table below this one has the conversions.
"""

RECIPE_HEAD = """
# The terms of a `train` section
"""

ROLES = {
    "optimizer": "Optimizers",
    "schedule": "Schedules of the learning rate",
    "warmup": "Warm-ups",
    "loss": "Losses",
    "augment": "Augmentation of training images",
    "init": "Initialisation",
}


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    operations = [op for op in all_operations().values() if op.inputs != 0]
    families = dict.fromkeys(op.family for op in operations)
    for family in sorted(families, key=lambda f: [*FAMILIES, f].index(f)):
        parts.append(f"\n## {FAMILIES.get(family, family.capitalize())}\n")
        parts += [_entry(op) for op in operations if op.family == family]
    parts.append(_layouts(operations))
    parts.append(RECIPE_HEAD)
    parts.append(_settings())
    for role, title in ROLES.items():
        parts.append(f"\n## {title}\n")
        parts += [_entry(term) for term in terms_of(role).values()]
    return "".join(parts)


def _layouts(operations: Sequence[type[Operation]]) -> str:
    """The table of the layouts that each operation takes, and what converts them."""
    lines = [LAYOUTS_HEAD, f"\n| operation | {' | '.join(LAYOUTS)} |\n|{' --- |' * (1 + len(LAYOUTS))}\n"]
    for op in sorted(operations, key=lambda op: op.name):
        flat = GRIDS if op.flattens else ()
        cells = ["yes" if cls in op.takes else "flat" if cls in flat else "" for cls in LAYOUTS.values()]
        lines.append(f"| `{op.name}` | {' | '.join(cells)} |\n")
    lines.append("\n| makes | of the other layouts |\n| --- | --- |\n")
    lines += [f"| {cls.layout} | `{text}` |\n" for cls, text in CONVERSIONS.items()]
    return "".join(lines)


def _entry(declared: type[Operation | Term]) -> str:
    words = [
        f"`{a.name}` {_words(a.convert)}.\n"
        for a in declared.arguments.values()
        if isinstance(a.convert, Range) or getattr(a.convert, "__qualname__", "").startswith("one_of.")
    ]
    text = inspect.cleandoc(declared.__doc__ or "")
    return f"\n### `{signature(declared)}`\n\n{text}\n" + "".join(["\n", *words] if words else [])


def _words(convert: Callable[[Any], Any]) -> str:
    """What a converter says that it takes."""
    try:
        convert(None)
    except ValueError as refused:
        return str(refused)
    raise AssertionError("None is no word")


def signature(declared: type[Operation | Term]) -> str:
    """`CONV(channels, kernel, stride=1, …)`."""
    shown = [a.name if a.required else f"{a.name}={_default(a.default)}" for a in declared.arguments.values()]
    return f"{declared.name}({', '.join(shown)})" if shown else declared.name


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, tuple) and len(value) == 2 and value[0] == value[1]:
        return str(value[0])
    return written(value)


def _settings() -> str:
    notes = _notes()
    lines = ["\n| setting | default | |\n| --- | --- | --- |\n"]
    for argument in Recipe.arguments.values():
        default = _default(argument.default) if argument.default != () else "none"
        lines.append(f"| `{argument.name}` | `{default}` | {notes.get(argument.name, '')} |\n")
    return "".join(lines)


def _notes() -> dict[str, str]:
    """The texts that stand under the settings in their class."""
    (declared,) = ast.parse(inspect.cleandoc(inspect.getsource(Recipe))).body
    assert isinstance(declared, ast.ClassDef)
    notes = {}
    for field, note in pairwise(declared.body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(note, ast.Expr)
            and isinstance(note.value, ast.Constant)
        ):
            notes[ast.unparse(field.target)] = " ".join(str(note.value.value).split())
    return notes


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name}: {len(all_operations())} operations\n")
