"""From expressions to documents: one method a kind of node, named after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from blockdsl.formatting import shape_text
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.printer.comments import Comments, attach
from blockdsl.syntax.printer.layout import (
    HARD,
    SOFT,
    SPACE,
    Align,
    Comment,
    Doc,
    Either,
    Group,
    Line,
    Nest,
    render_flat,
)
from blockdsl.syntax.printer.levels import OPERATORS, Level, is_negative, level
from blockdsl.syntax.printer.numbers import number_text
from blockdsl.syntax.printer.spacing import paddings
from blockdsl.syntax.printer.written import behind, between, gaps, rows, spaced
from blockdsl.syntax.traversal import children

INDENT = 4
_NARY = nodes.Chain | nodes.Sum | nodes.Concat
_PLAIN = nodes.Number | nodes.String | nodes.Bool | nodes.Dims | nodes.Path
_NOT_SHORT = re.compile(r'[^\W\d_]{4}|[\s()\[\]{}":?]')


class ExpressionPrinter:
    """Builds the document of one tree, children first, without recursion."""

    def __init__(self, file: nodes.File | None = None) -> None:
        self.comments = attach(file) if file else Comments()
        self.padding = paddings(file, self.comments) if file else {}
        self.keeps_lines = file is not None
        self.docs: dict[int, Doc] = {}
        self.open: dict[int, Doc] = {}
        """Operators and `if` without their indentation."""
        self.loops: dict[int, Doc] = {}
        """Loops without their brackets."""
        self.negative: set[int] = set()
        """Expressions whose text begins with a minus."""

    def build(self, root: nodes.Node) -> Doc:
        """The document of a node."""
        todo = [(root, False)]
        while todo:
            node, ready = todo.pop()
            if ready:
                doc: Doc = getattr(self, f"_{type(node).__name__.lower()}")(node)
                comments = self.comments.behind.get(id(node))
                self.docs[id(node)] = (doc, *map(behind, comments)) if comments else doc
            else:
                todo.append((node, True))
                todo.extend((child, False) for child in children(node))
        return self.docs[id(root)]

    # --- children, with what stands around them

    def above(self, node: nodes.Node) -> Doc:
        """The comments on lines of their own before a child."""
        return tuple(map(own_line, self.comments.above.get(id(node), ())))

    def opening(self, node: nodes.Node | None) -> Doc:
        """The comment behind a node's first words."""
        return tuple(map(behind, self.comments.opening.get(id(node), ())))

    def inner(self, node: nodes.Node) -> Doc:
        """A child with its comments, but for those above it."""
        below = self.comments.below.get(id(node))
        return (self.docs[id(node)], *map(own_line, below)) if below else self.docs[id(node)]

    def whole(self, node: nodes.Node) -> Doc:
        """A child with all its comments."""
        above = self.above(node)
        return (above, self.inner(node)) if above else self.inner(node)

    def operand(self, node: nodes.Node, least: Level, minus: bool = False) -> Doc:
        """A child, in brackets where it binds too loosely or begins with a minus and may not."""
        if level(node) < least or (id(node) in self.negative and not minus):
            return ("(", self.inner(node), ")")
        return self.inner(node)

    def commented(self, node: nodes.Node | None, items: Sequence[nodes.Node]) -> bool:
        """Whether comments stand between the items of a bracket."""
        return any(map(self.comments.touch, items)) or bool(self.opening(node))

    def sequence(
        self,
        node: nodes.Node | None,
        opening: str,
        items: Sequence[nodes.Node],
        closing: str,
        lines: Sequence[Line] = (),
    ) -> Doc:
        """Items and commas: on one line, else indented on the next, else one a line (plain ones filled).

        `lines` stand before the items; by default nothing before the first and a space before others.
        Where some of them are hard, lines end there and are filled otherwise.
        """
        if not items:
            return opening + closing
        broken = self.commented(node, items)
        lines = lines or (SOFT, *(SPACE for _ in items[1:]))
        plain = all(isinstance(item, _PLAIN) for item in map(_bare, items))
        fill = not broken and (plain or any(line.hard for line in lines))
        first, *rest = items
        parts: list[Doc] = []
        for item, line in zip(rest, lines[1:], strict=True):
            step: Doc = (line, self.inner(item))
            parts += [",", self.above(item), Group(step) if fill else step]
        inside: Doc = (lines[0], Group((self.whole(first), *parts), broken))
        return Group((opening, self.opening(node), Nest(INDENT, inside), SOFT, closing), broken)

    def as_written(self, node: nodes.Node, opening: str, items: Sequence[nodes.Expr], closing: str) -> Doc:
        """Items and commas with the writer's spaces and line breaks."""
        lines = gaps(node, opening, items, closing)
        if lines is None and self.keeps_lines:
            lines = rows(node, opening, items)
        return self.sequence(node, opening, items, closing, lines or ())

    def joined(self, node: nodes.Expr, op: str, parts: Sequence[nodes.Expr]) -> Doc:
        """Operands with an operator between, which begins a line where they do not fit on one.

        Plain operands fill their lines; where chains are operands, every one begins a line. Where the
        writer began a line, it stays; where one did, no others begin that need not.
        """
        rule = OPERATORS[op]
        first = parts[0]
        if rule.leads and id(first) in self.negative and level(first) >= rule.first:
            self.negative.add(id(node))
        begin = (self.operand(first, rule.first, rule.leads), " " * self.padding.get(id(node), 0))
        broken = self.keeps_lines and "\n" in node.span.text
        filled = broken or not any(isinstance(part, _NARY) for part in parts)
        steps: list[Doc] = []
        for left, part in pairwise(parts):
            space = " " if rule.spaced or spaced(left, op, part) else ""
            line = HARD if self.line_between(left, part) else Line(space)
            step: Doc = (line, op + space, self.operand(part, rule.rest, rule.signed))
            steps.append((self.above(part), Group(step) if filled else step))
        # a dash hangs to the left, so that the stages behind `net` stand under each other
        indent = INDENT - 1 if op == "-" else INDENT
        self.open[id(node)] = (begin, *steps)
        doc = (begin, Nest(indent, tuple(steps)))
        return doc if filled else Group(doc)

    def line_between(self, left: nodes.Node, right: nodes.Node) -> bool:
        """Whether the writer began a new line somewhere between two neighbours."""
        return self.keeps_lines and "\n" in between(left, right)

    # --- what stands alone

    def _number(self, node: nodes.Number) -> Doc:
        if is_negative(node) or number_text(node).startswith("-"):
            self.negative.add(id(node))
        return number_text(node)

    def _string(self, node: nodes.String) -> Doc:
        return f'"{node.value}"'

    def _bool(self, node: nodes.Bool) -> Doc:
        return "yes" if node.value else "no"

    def _dims(self, node: nodes.Dims) -> Doc:
        sizes = shape_text(node.values)
        return f"{node.layout} {sizes}" if node.layout else sizes

    def _step(self, node: nodes.Step) -> Doc:
        return (node.name, *(("[", self.whole(index), "]") for index in node.indices))

    def _slice(self, node: nodes.Slice) -> Doc:
        return (self.whole(node.first), "..", self.whole(node.last) if node.last else "")

    def _path(self, node: nodes.Path) -> Doc:
        first, *rest = node.steps
        return (self.inner(first), *((".", self.inner(step)) for step in rest))

    def _arg(self, node: nodes.Arg) -> Doc:
        return self.whole(node.value) if node.name is None else (node.name, "=", self.whole(node.value))

    def _call(self, node: nodes.Call) -> Doc:
        opening = node.name + "("
        line = SOFT if all(map(self.is_short, node.args)) else SPACE
        ours = [SOFT, *(line for _ in node.args[1:])]
        broken = self.sequence(node, opening, node.args, ")", ours)
        written = gaps(node, opening, node.args, ")")
        if written is None:
            return broken
        # Spaces that were written are not to be seen any more once the call has several lines.
        lines = [replace(w, narrow=own.flat) for w, own in zip(written, ours, strict=True)]
        return Either(self.sequence(node, opening, node.args, ")", lines), broken)

    def is_short(self, arg: nodes.Arg) -> bool:
        """Whether a comma stands beside it without a space, as in `CONV(96,11,s4)`."""
        plain = isinstance(arg.value, _PLAIN | nodes.Chain | nodes.Product | nodes.Binary | nodes.Unary)
        return arg.name is None and plain and not _NOT_SHORT.search(render_flat(self.docs[id(arg)]))

    def _group(self, node: nodes.Group) -> Doc:
        if self.commented(node, (node.body,)):
            return ("(", self.opening(node), Nest(INDENT, (HARD, self.whole(node.body))), HARD, ")")
        hanging = None if self.comments.touch(node.body) else self.open.get(id(node.body))
        return ("(", self.inner(node.body) if hanging is None else Align(Group(hanging)), ")")

    def _tupleof(self, node: nodes.TupleOf) -> Doc:
        return self.as_written(node, "(", node.items, ",)" if len(node.items) == 1 else ")")

    def _listof(self, node: nodes.ListOf) -> Doc:
        only = node.items[0] if len(node.items) == 1 else None
        if isinstance(only, nodes.For) and not self.commented(node, node.items):
            return ("[", self.loops[id(only)], "]")
        return self.as_written(node, "[", node.items, "]")

    def _choice(self, node: nodes.Choice) -> Doc:
        return self.as_written(node, "{", node.options, "}")

    def _rangechoice(self, node: nodes.RangeChoice) -> Doc:
        step: Doc = (" step ", self.whole(node.step)) if node.step else ""
        return ("{", self.whole(node.first), "..", self.whole(node.last), step, " log}" if node.log else "}")

    # --- operators

    def _chain(self, node: nodes.Chain) -> Doc:
        return self.joined(node, "-", node.parts)

    def _sum(self, node: nodes.Sum) -> Doc:
        return self.joined(node, "+", node.parts)

    def _concat(self, node: nodes.Concat) -> Doc:
        return self.joined(node, "|", node.parts)

    def _product(self, node: nodes.Product) -> Doc:
        return self.joined(node, "*", node.parts)

    def _binary(self, node: nodes.Binary) -> Doc:
        return self.joined(node, node.op, (node.left, node.right))

    def _unary(self, node: nodes.Unary) -> Doc:
        if node.op == "not":
            return ("not ", self.operand(node.value, Level.NOT))
        self.negative.add(id(node))
        if isinstance(node.value, nodes.Number):  # -5 is a number, -(5) the negative of one
            return ("-(", self.inner(node.value), ")")
        return ("-", self.operand(node.value, Level.PRODUCT))

    def _label(self, node: nodes.Label) -> Doc:
        return (node.name, ":", self.operand(node.body, Level.POSTFIX))

    def _optional(self, node: nodes.Optional) -> Doc:
        return (self.operand(node.body, Level.POSTFIX), "?")

    def _if(self, node: nodes.If) -> Doc:
        other = node.otherwise
        chained = isinstance(other, nodes.If) and not self.comments.touch(other)
        end = self.open[id(other)] if chained else self.inner(other)
        line = HARD if self.line_between(node.condition, node.then) else SPACE
        head = Group(
            ("if ", self.whole(node.condition), self.above(node.then), line, "then ", self.inner(node.then))
        )
        line = HARD if self.line_between(node.then, other) else SPACE
        self.open[id(node)] = (head, self.above(other), line, "else ", end)
        return Group(Nest(INDENT, self.open[id(node)]))

    def _for(self, node: nodes.For) -> Doc:
        last: Doc = ("..", self.whole(node.last)) if node.last else ""
        line = HARD if self.line_between(node.body, node.first) else SPACE
        over: Doc = (line, f"for {', '.join(node.variables)} in ", self.whole(node.first), last)
        self.loops[id(node)] = Align(Group((self.whole(node.body), over)))
        return ("(", self.loops[id(node)], ")")


def own_line(comment: Span) -> Doc:
    """A comment on a line of its own."""
    return Comment(comment.text.rstrip())


def _bare(item: nodes.Node) -> nodes.Node:
    return item.value if isinstance(item, nodes.Arg) and item.name is None else item
