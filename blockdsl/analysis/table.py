"""The rows of a summary, and its figures, as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from blockdsl.analysis.folding import Row
from blockdsl.analysis.receptive import input_extent
from blockdsl.formatting import bytes_text, rounded_text, shape_text
from blockdsl.ops import Shape

HEADER = ("layer", "operation", "output", "parameters", "MACs", "memory")
_DEEPEST = 16
_UNITS = {1: "features", 2: "tokens", 3: "pixels"}


def field_text(field: tuple[int, int] | None, input: Shape, *, of: bool = False) -> str:
    """A receptive field with its limit: `212`, `907 (all of 224)`, `64x31 (all of 48 rows)`.

    `all of 224` where it is the whole input, `?` where it is not known. Rows and columns that are alike
    are one number. `of` is for places without a heading: `212 of 224 pixels`, `the whole input`.
    """
    if field is None:
        return "?"
    limit = input_extent(input)
    images, unit = len(input) == 3, f" {_UNITS[len(input)]}" if of else ""
    whole = _side_text(limit, images)
    if field == limit:
        return "the whole input" if of else f"all of {whole}"
    text = _side_text(field, images)
    match field[0] > limit[0], field[1] > limit[1]:
        case True, False if images:
            return f"{shape_text(field)} (all of {limit[0]} rows){unit}"
        case False, True:
            return f"{shape_text(field)} (all of {limit[1]} columns){unit}"
        case False, False:
            return f"{text} of {whole}{unit}" if of else text
    return f"{text} (all of {whole}){unit}"


def _side_text(size: tuple[int, int], images: bool) -> str:
    return str(size[0]) if size[0] == size[1] or not images else shape_text(size)


def cells(row: Row) -> tuple[str, ...]:
    """A row's columns as text, in the order of `HEADER`."""
    name = row.name + (f" ×{row.times}" if row.times > 1 else "")
    name = "  " * min(row.level, _DEEPEST) + name.lstrip() + (" (training only)" if row.training_only else "")
    if row.shape is None:
        return name, "", "", "", "", ""
    return (
        name,
        rounded_text(row.text),
        shape_text(row.shape),
        f"{row.params:,}" if row.params else "",
        f"{row.macs:,}" if row.macs else "",
        bytes_text(row.memory) if row.memory else "",
    )


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of words as text, as wide as its content needs."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    )


def aligned(line: Sequence[str], widths: list[int]) -> str:
    """A row with its names to the left and its numbers to the right."""
    left = [text.ljust(width) for text, width in zip(line[:3], widths[:3], strict=True)]
    right = [text.rjust(width) for text, width in zip(line[3:], widths[3:], strict=True)]
    return "  ".join([*left, *right]).rstrip()


def html_row(texts: tuple[str, ...]) -> str:
    """A row of an HTML table."""
    name = texts[0].lstrip()
    indent = (len(texts[0]) - len(name)) / 2
    left = f'<td style="text-align:left;padding-left:{indent + 0.5}em">{escape(name)}</td>'
    plain_cells = "".join(f'<td style="text-align:left">{escape(text)}</td>' for text in texts[1:3])
    numbers = "".join(f'<td style="text-align:right">{escape(text)}</td>' for text in texts[3:])
    return f"<tr>{left}{plain_cells}{numbers}</tr>"
