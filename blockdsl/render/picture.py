"""From a file to a picture, in one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Self

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.ops import InputSizes
from blockdsl.output import replacing
from blockdsl.render import graphviz
from blockdsl.render.alternatives import Unfolded, unfold
from blockdsl.render.dot import COSTS, DIRECTIONS, Style, to_dot
from blockdsl.render.scene import Scene, scene
from blockdsl.render.view import view
from blockdsl.syntax import tree as nodes

KINDS = ("svg", "png", "pdf", "dot", "html")
"""What a network can be drawn as, by the ending of the file."""


@dataclass(frozen=True)
class Options:
    """How a network is drawn.

    Attributes:
        depth: levels of blocks that are open; None for as many as one looks at with ease.
        opened: names of blocks that are open beside these (`stage[2]`), with all that is inside.
        by: the cost that tints the boxes and stands in them.
        detail: whether every layer has a box of its own.
        direction: down, right, or auto: right for a short chain.
        title: whether the title and the totals stand above.
    """

    depth: int | None = None
    opened: tuple[str, ...] = ()
    by: str | None = None
    detail: bool = False
    direction: str = "auto"
    title: bool = True


class Picture(bytes):
    """A picture as the content of its file; a notebook shows it.

    Attributes:
        kind: one of `KINDS`.
        said: what was folded away although it was not asked for; empty if nothing was.
    """

    kind: str
    said: str

    def __new__(cls, data: bytes, kind: str, said: str = "") -> Self:
        """The picture of a file's content; bytes are made here and not in `__init__`."""
        made = super().__new__(cls, data)
        made.kind, made.said = kind, said
        return made

    def __getnewargs__(self) -> tuple[bytes, str, str]:  # type: ignore[override]
        return self.data, self.kind, self.said

    @property
    def data(self) -> bytes:
        """The content as plain bytes."""
        return bytes(self)

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, which is replaced if it is there; the path.

        Raises:
            ArchError: the file's ending is another kind's, or it cannot be written.
        """
        path = Path(path)
        ending = path.suffix.removeprefix(".")
        if ending != self.kind:
            raise error(
                "output", f"cannot write {path}: the picture is of the kind {self.kind}",
                help=f'end the name in .{self.kind}, or draw another kind: net.picture("{ending or "png"}")',
            )  # fmt: skip
        with replacing(path) as part:
            part.write_bytes(self)
        return path

    def __repr__(self) -> str:
        return f"<picture: {self.kind}, {len(self):,} bytes>"

    def __str__(self) -> str:
        return repr(self)

    def _repr_svg_(self) -> str | None:
        if self.kind != "svg":
            return None
        text = self.decode()
        return text[text.index("<svg") :]

    def _repr_png_(self) -> bytes | None:
        return self.data if self.kind == "png" else None

    def _repr_pdf_(self) -> bytes | None:
        return self.data if self.kind == "pdf" else None

    def _repr_html_(self) -> str | None:
        if self.kind != "html":
            return None
        # A frame of its own: the page's styles and scripts are none of the notebook's.
        return (
            f'<iframe srcdoc="{escape(self.decode())}" width="100%" height="600" '
            'style="border: 0" title="The network"></iframe>'
        )


def check_kind(kind: str, name: str) -> None:
    """Refuse a kind of picture that there is not, or that this machine cannot make.

    Raises:
        ArchError: the kind is unknown; or Graphviz is missing, and the message names the command.
    """
    if kind not in KINDS:
        reason = f".{kind} is no kind of picture" if kind else "it has no ending"
        known = f"end it in .{', .'.join(KINDS[:-1])} or .{KINDS[-1]}"
        raise error("output", f"cannot write {name}: {reason}", help=did_you_mean(kind, KINDS, known))
    if kind != "html":
        graphviz.check_installed()


def _one_of(option: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        words = f"{', '.join(known[:-1])} or {known[-1]}"
        raise error("option", f"{option} is {words}, not {word}", help=did_you_mean(word, known))


def draw(
    file: nodes.File,
    kind: str,
    options: Options = Options(),
    *,
    input: InputSizes | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Picture:
    """Draw a file, a network or a search space, as one of `KINDS`.

    Raises:
        ArchError: anything is wrong with the file or the options.
    """
    check_kind(kind, f"the {kind}")
    if options.by:
        _one_of("--by", options.by, tuple(COSTS))
    _one_of("--direction", options.direction, DIRECTIONS)
    unfolded = unfold(file, input=input, settings=settings)
    boxes = as_scene(unfolded, detail=options.detail)
    shown = view(boxes, options.depth, options.opened)
    if kind == "html":
        from blockdsl.render.page import page

        return Picture(page(shown, unfolded.program).encode(), kind)
    dot = to_dot(shown, Style(options.by, options.direction, options.title))
    return Picture(graphviz.drawn(dot, kind), kind, shown.said)


def as_scene(unfolded: Unfolded, *, detail: bool = False) -> Scene:
    """The boxes of a file's network; those of a space say that it is one."""
    program = unfolded.program
    title = program.meta.title or program.file.span.source.stem or "Network"
    choices = {name: f"one of: {path}" for name, path in unfolded.choices.items()}
    boxes = scene(program.graph, title, detail=detail, choices=choices)
    boxes.notes, boxes.choices = unfolded.notes, unfolded.count
    return boxes
