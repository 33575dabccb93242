"""The rows of a summary, and its figures, as text and as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from blockdsl.analysis.folding import Row
from blockdsl.analysis.receptive import extent
from blockdsl.formatting import bytes_text, rounded_text, shape_text
from blockdsl.ops import Ids, Image, Shape, Signal, Sizes, Tokens, Vector, Volume

HEADER = ("layer", "operation", "output", "parameters", "MACs", "memory")
_DEEPEST = 16
_UNITS: dict[type[Shape], str] = {
    Vector: "features", Tokens: "tokens", Ids: "ids", Signal: "positions", Image: "pixels", Volume: "voxels",
}  # fmt: skip
_AXES = ("slices", "rows", "columns")
"""What the last axes of a field are called, where it has several."""


def seen_text(fields: Mapping[str, Sizes | None], inputs: Mapping[str, Shape], *, of: bool = False) -> str:
    """What one position sees of each input; the names of these are told where there are several.

    `of` as for `field_text`: `43 of 64 pixels of image, all of time`; without it `image 43, time all of 5`.
    """
    if len(inputs) == 1:
        return next(field_text(fields[name], shape, of=of) for name, shape in inputs.items())
    return ", ".join(
        field_text(fields[name], shape, of=True, name=name)
        if of
        else f"{name} {field_text(fields[name], shape)}"
        for name, shape in inputs.items()
    )


def seen_by_outputs(
    fields: Mapping[str, Mapping[str, Sizes | None]], inputs: Mapping[str, Shape], *, of: bool = False
) -> list[str]:
    """What one position of each output sees, with its name where there are several: `p3: 43`."""
    words = {name: seen_text(seen, inputs, of=of) for name, seen in fields.items()}
    return [f"{name}: {text}" for name, text in words.items()] if len(words) > 1 else [*words.values()]


def field_text(field: Sizes | None, input: Shape, *, of: bool = False, name: str = "") -> str:
    """A receptive field with its limit: `212`, `907 (all of 224)`, `64x31 (all of 48 rows)`.

    `all of 224` where it is the whole input, `?` where it is not known. Rows and columns that are alike
    are one number. `of` is for places without a heading: `212 of 224 pixels`, `the whole input`; with the
    `name` of the input: `212 of 224 pixels of image`, `all of image`.
    """
    limit = extent(input)
    whole, unit = _side_text(limit), f" {_UNITS[type(input)]}" * of
    owner = f" of {name}" if name else ""
    if field is None:
        return "?" if not of else f"an unknown part{owner}" if name else _UNKNOWN
    if not any(field):
        return f"nothing{owner}"
    if field == limit:
        return f"all of {name or whole}" if name or not of else "the whole input"
    over = [size > most for size, most in zip(field, limit, strict=True)]
    if not any(over):
        return f"{_side_text(field)} of {whole}{unit}{owner}" if of else _side_text(field)
    if all(over):
        return f"{_side_text(field)} (all of {whole}){unit}{owner}"
    names = zip(limit, _AXES[-len(limit) :], strict=True)
    beyond = " and ".join(
        f"{most} {axis}" for (most, axis), is_over in zip(names, over, strict=True) if is_over
    )
    return f"{shape_text(field)} (all of {beyond}){unit}{owner}"


_UNKNOWN = "unknown: an operation on the way does not define `window`"


def _side_text(size: Sizes) -> str:
    return str(size[0]) if len(set(size)) == 1 else shape_text(size)


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
        f"shares {row.shares}" if row.shares else f"{row.params:,}" if row.params else "",
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


def line_form(widths: Sequence[int]) -> str:
    """How a row is laid out, for `str.format`: its names to the left and its numbers to the right.

    >>> line_form([9, 4, 9, 6, 6, 8]).format("conv1", "RELU", "8x6x6", "80", "", "1.15 kB")
    'conv1      RELU  8x6x6          80           1.15 kB'
    """
    return "  ".join([f"{{:{'<' if index < 3 else '>'}{width}}}" for index, width in enumerate(widths)])


def html_row(texts: tuple[str, ...]) -> str:
    """A row of an HTML table."""
    name = texts[0].lstrip()
    indent = (len(texts[0]) - len(name)) / 2
    left = f'<td style="text-align:left;padding-left:{indent + 0.5}em">{escape(name)}</td>'
    plain_cells = "".join(f'<td style="text-align:left">{escape(text)}</td>' for text in texts[1:3])
    numbers = "".join(f'<td style="text-align:right">{escape(text)}</td>' for text in texts[3:])
    return f"<tr>{left}{plain_cells}{numbers}</tr>"
