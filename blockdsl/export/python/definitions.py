"""What the language's text says of a block: the comment before it, the defaults of its parameters."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockdsl.export.python.text import WIDTH
from blockdsl.formatting import shape_text
from blockdsl.source import Source
from blockdsl.visible import visible

if TYPE_CHECKING:
    from blockdsl.export.python.grouping import Plan
    from blockdsl.export.python.structure import Container


@dataclass(frozen=True)
class Definition:
    """A block's comment, and the numbers that its parameters are by default."""

    comment: str = ""
    defaults: str = ""

    def default(self, name: str) -> Any:
        """The default of a parameter, if it is a plain number."""
        found = re.search(rf"\b{name}\s*=\s*([-\w.]+)", self.defaults)
        return number(found[1]) if found else None

    def docstring(self, plan: Plan) -> list[str]:
        """The comment, and the shapes of the first instance, as a docstring."""
        first = plan.instances[0][0]
        shapes = " and ".join(filter(None, (shape_text(shape) for shape in first.input_shapes if shape)))
        results = " and ".join(map(shape_text, first.output_shapes)) or "nothing"
        several = len(plan.instances) > 1 or first.varies
        example = f"{shapes} -> {results}" + (", for example." if several else ".")
        text = self.comment.strip()
        if not text:
            return [f'"""{example}"""']
        text = text if text[1:2] == " " else text[0].upper() + text[1:]
        head, stop, rest = text.partition(". ")
        lines = textwrap.wrap(head + stop.strip(), WIDTH - 8, break_on_hyphens=False)
        more = ["", *textwrap.wrap(rest, WIDTH - 5, break_on_hyphens=False)] if rest else []
        return [f'"""{lines[0]}', *lines[1:], *more, "", example, '"""']


def definition_of(container: Container) -> Definition:
    """The definition of a container's block, found in the text that its parts come from."""
    if container.call is None:
        return Definition()
    source = _source(container)
    if source is None:
        return Definition()
    found = re.search(
        rf"((?:^#.*\n)*)^block +{re.escape(container.call.block)}\b([^=\n(]*(?:\([^)]*\))?)",
        source.text,
        re.M,
    )
    if not found:
        return Definition()
    comment = " ".join(line.lstrip("# ").rstrip() for line in found[1].splitlines())
    return Definition(visible(comment).replace('"', "'").replace("\\", "/"), found[2])


def _source(container: Container) -> Source | None:
    """The source of the first layer or call inside a block."""
    node = container.node
    for child in (call.node for call in node.calls):
        if child.layer is not None and child.layer.call is container.call:
            return child.layer.span.source
    layers = [node]
    while layers:
        current = layers.pop()
        if current.layer is not None:
            call = current.layer.call
            while call is not None and call.outer is not container.call:
                call = call.outer
            return call.span.source if call else current.layer.span.source
        layers += [call.node for call in reversed(current.calls)]
    return None


def number(text: str) -> Any:
    """A number or truth value of the language, or None."""
    if text in ("yes", "no"):
        return text == "yes"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None
