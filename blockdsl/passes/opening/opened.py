"""The text of a file with its widths, depths, kernels and shortcuts opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from blockdsl.diagnostics import error
from blockdsl.formatting import listed
from blockdsl.lowering import Program
from blockdsl.lowering.values import Place, place
from blockdsl.ops import InputSizes
from blockdsl.ops.layouts import input_texts
from blockdsl.passes.opening.edits import Edits, Start, choice_of, words_in
from blockdsl.passes.opening.flatten import flattened
from blockdsl.passes.opening.number_origins import Role, Site
from blockdsl.passes.opening.options import Opening
from blockdsl.passes.opening.ranges import Values
from blockdsl.passes.opening.shortcuts import open_shortcuts
from blockdsl.passes.opening.statement_spans import whole_line, with_comment
from blockdsl.passes.opening.visitor import Found, Kernel, Visitor
from blockdsl.passes.opening.widths import Rounding, Widths
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare
from blockdsl.syntax.names import Definition, Names
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file
from blockdsl.syntax.traversal import walk

_NONE = {
    "width": "no number of channels or features is written but that of the outputs",
    "depth": "nothing is repeated by a number that is written",
    "kernel": "no kernel of these sizes has a pad of half its size",
    "shortcut": "no sum has the identity among its parts",
}


@dataclass
class Opened:
    """A space.

    Attributes:
        text: the file.
        starts: how to decide each choice, in the order of the text, for the network that was opened.
        done: what was opened, in words, by what it is.
        kept: what was not, where, and why.
        none: what was asked for and is nowhere in the file, and why.
    """

    text: str = ""
    starts: list[Start] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)
    kept: list[tuple[Span, str]] = field(default_factory=list)
    none: dict[str, str] = field(default_factory=dict)


def open_choices(program: Program, opening: Opening, *, input: InputSizes | None = None) -> Opened:
    """The text of a program's file with choices in it.

    Args:
        program: of a file without choices.
        opening: what to open.
        input: the shape that was given beside a file that has none.

    Raises:
        ArchError: nothing of what is asked for can be opened.
    """
    file = program.file
    names = Names(file)
    return _Opener(program, names, opening, Visitor(program, names).visit_file()).opened(input)


class _Opener:
    def __init__(self, program: Program, names: Names, opening: Opening, found: Found) -> None:
        self.program, self.names, self.opening, self.found = program, names, opening, found
        self.source = program.file.span.source
        files = (*names.used(), names)
        words = words_in("\n".join(n.file.span.source.text for n in files))
        self.edits = Edits(words)
        self.result = Opened()
        values = opening.width or Values("--width", (1,))
        bound = {name for n in files for name in n.defined}
        rounding = Rounding(opening.multiple, opening.only_multiples, bound)
        self.widths = Widths(values, words, rounding, opening.each)

    def opened(self, input: InputSizes | None) -> Opened:
        """Open what is asked for, and write the file."""
        self._close()
        for role, values, open_sites in (
            (Role.WIDTH, self.opening.width, self._open_widths),
            (Role.DEPTH, self.opening.depth, self._open_depths),
            (Role.KERNEL, self.opening.kernel, self._open_kernels),
        ):
            if values is not None:
                sites = [site for site in self.found.sites.values() if site.role is role]
                self._tell(role.value, open_sites(sites, values))
                self.result.kept += [(s, w) for r, s, w in self.found.kept.values() if r is role]
        if self.opening.shortcut:
            self._tell("shortcut", ["with or without"] * open_shortcuts(self.found, self.edits))
            self.result.kept += [(s, w) for r, s, w in self.found.kept.values() if r is None]
        if not self.result.done:
            why = "; ".join(self.result.none.values())
            raise error("open", f"there is nothing of this kind to open in {self.source.name}", help=why)
        self.result.text = self._written(input)
        self.result.starts = self.edits.starts
        return self.result

    def _close(self) -> None:
        """Leave out what shall stay as it is."""
        everything: tuple[dict[Place, Any], ...] = (
            self.found.sites, self.found.kernels, self.found.shortcuts
        )  # fmt: skip
        for key, refused in self.opening.closed.items():
            reason = refused.reason
            if refused.numbers is not None:
                reason = f"not {listed([*map(str, refused.numbers)], 'or')}: {reason}"
            self.result.kept.append((refused.span, reason))
            for found in everything if refused.numbers is None else ():
                found.pop(key, None)

    def _possible(self, values: Values, span: Span) -> Values:
        """Those of some values that a place can take."""
        refused = self.opening.closed.get(place(span))
        return values.without(refused.numbers or ()) if refused is not None else values

    def _tell(self, what: str, opened: list[str]) -> None:
        """Say what was opened in how many places, or that there are none."""
        if opened:
            words = " or ".join(dict.fromkeys(opened))
            self.result.done[what] = f"{words}, at {len(opened)} place{'s' if len(opened) > 1 else ''}"
        else:
            self.result.none[what] = _NONE[what]

    # --- widths, depths, kernels

    def _open_widths(self, sites: list[Site], values: Values) -> list[str]:
        multipliers = [site for site in sites if site.multiplier]
        for site in multipliers:
            self.edits.choice(site.expr.span, values, 1)
        if multipliers:
            return [values.written()] * len(multipliers)
        outputs = {place(site.expr.span) for site in self.found.outputs}
        tied = {d for site in self.found.outputs for d in self._definitions(site.expr)}
        scaled = 0
        for site in sites:
            if place(site.expr.span) in outputs or tied & self._definitions(site.expr):
                continue
            if self.opening.each and any(d.is_variable for d in self._definitions(site.expr)):
                self.result.kept.append((site.expr.span, "it differs from round to round of a loop"))
                continue
            self.widths.scale(site.expr.span, self.edits)
            scaled += 1
        return [values.written()] * scaled

    def _definitions(self, expr: nodes.Expr) -> set[Definition]:
        """What the names in an expression are bound to, but for the variables of loops inside it."""
        inside = set(map(id, walk(expr)))
        found = {self.names.definition(node) for node in walk(expr)}
        return {d for d in found if d is not None and id(d.node) not in inside}

    def _open_depths(self, sites: list[Site], values: Values) -> list[str]:
        opened = []
        for site in sites:
            expr = bare(site.expr)
            if site.multiplier:
                self.result.kept.append((expr.span, "it multiplies depths; make it a choice by hand"))
            elif isinstance(expr, nodes.Number) and isinstance(expr.value, int):
                around = self._possible(values.around(expr.value), expr.span)
                self.edits.choice(expr.span, around, expr.value)
                opened.append(around.written())
            else:
                self.result.kept.append((site.expr.span, "this depth is computed, not written"))
        return opened

    def _open_kernels(self, sites: list[Site], values: Values) -> list[str]:
        opened = []
        for site in sites:
            expr = bare(site.expr)
            if isinstance(expr, nodes.Number) and expr.value in values.numbers:
                possible = self._possible(values, expr.span)
                self.edits.choice(expr.span, possible, expr.value)
                opened.append(possible.written())
            elif expr.span.text != "1":
                self.result.kept.append((expr.span, f"this kernel is none of {values.written()}"))
        for found in self.found.kernels.values():
            if found.size in values.numbers:
                possible = self._possible(values, found.kernel.value.span)
                self._tie(found, possible)
                opened.append(possible.written())
            else:
                self.result.kept.append((found.kernel.span, f"this kernel is none of {values.written()}"))
        return opened

    def _tie(self, found: Kernel, values: Values) -> None:
        """Name a kernel that is a choice, so that its pad follows."""

        choice = choice_of(values, found.size, found.kernel.value.span)
        name = self.edits.let(found.home, ("k", "kernel", "size"), choice)
        self.edits.add(found.kernel.value.span, lambda _: name)
        self.edits.add(found.pad.span, lambda _: f"pad={name}//2")

    # --- the file

    def _written(self, input: InputSizes | None) -> str:
        for statement in self.program.file.statements:
            match statement:
                case nodes.Check() | nodes.Meta(key="error"):
                    self.edits.add(whole_line(statement.span), lambda _: "")
                case nodes.Meta(key="title", values=(nodes.String() as title, *_)):
                    self.edits.add(title.span, lambda edits, s=title.span: s.text[:-1] + ', opened"')  # type: ignore[misc]
        first = next(
            s for s in self.program.file.statements if isinstance(s, nodes.Let | nodes.Block | nodes.Net)
        )
        at = with_comment(first.span).start
        head = self._head(at)
        added = self._added(input)
        net = next(s for s in self.program.file.statements if isinstance(s, nodes.Net))
        end = len(self.source.text)
        between = self.edits.text(Span(self.source, at, net.span.start))
        if self.widths.is_late:
            between += "\n".join(["", *self.widths.lines(self.edits), ""])
        rest = self.edits.text(Span(self.source, net.span.start, end))
        keyword = "" if net.keyword else "net "
        search = "search\n    maximize accuracy\n    minimize params\n"
        text = f"{head}{added}\n{between}{keyword}{rest}\n\n{search}"
        return format_file(parse(Source(self.source.name, text, self.source.folder)))

    def _head(self, end: int) -> str:
        what = listed([*self.result.done], "and")
        said = f"# {self.source.name} with its {what} opened by `blockdsl open`.\n"
        uses = [s for s in self.program.file.statements if isinstance(s, nodes.Use)]
        if any(self.edits.touches(u.file.span) for u in self.names.used()):
            for use in uses:
                self.edits.add(whole_line(use.span), lambda _: "")
            self.flat = True
        else:
            self.flat = False
        return said + self.edits.text(Span(self.source, 0, end))

    def _added(self, input: InputSizes | None) -> str:
        lines = [""]
        if input is not None and not any(isinstance(s, nodes.Input) for s in self.program.file.statements):
            lines += [f"input {text.replace('=', ' = ')}" for text in input_texts(input)] + [""]
        if not self.widths.is_late:
            lines += self.widths.lines(self.edits)
        if self.flat:
            lines += [f"{text}\n" for text in flattened(self.names, self.edits)]
        return "\n".join(lines)
