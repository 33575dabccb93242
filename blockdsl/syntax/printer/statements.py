"""From statements to documents: lines, sections, bodies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.printer.expressions import INDENT, ExpressionPrinter, own_line
from blockdsl.syntax.printer.layout import BLANK, HARD, SPACE, Align, Doc, Group, Line, Nest
from blockdsl.syntax.printer.levels import Level
from blockdsl.syntax.printer.spacing import blank_before
from blockdsl.syntax.printer.written import on_new_line


class Printer(ExpressionPrinter):
    """Builds the document of a file."""

    def __init__(self, file: nodes.File | None = None) -> None:
        super().__init__(file)
        self.statements = {id(statement) for statement in file.statements} if file else set()

    def lines(self, items: Sequence[nodes.Node], first: Doc = HARD, last: Doc = "") -> Doc:
        """One item a line with their comments and single blank lines.

        `first` begins the first line, `last` is the last item's document where it is not its own.
        """
        parts: list[Doc] = []
        for item in items:
            for comment in self.comments.above.get(id(item), ()):
                parts += [_line_at(comment), own_line(comment)]
            parts += [_line_at(item.span), last if last and item is items[-1] else self.docs[id(item)]]
            for comment in self.comments.below.get(id(item), ()):
                column = comment.source.position(comment.start)[1]
                parts.append(Nest(INDENT if column > 1 else 0, (_line_at(comment), own_line(comment))))
        return (first, *parts[1:])

    def indented(self, node: nodes.Node, lines: Doc) -> Doc:
        """The lines of a section or a body, under its first words."""
        return (self.opening(node), Nest(INDENT, lines))

    def hang(self, node: nodes.Node, value: nodes.Node) -> Doc:
        """What follows a keyword; on the next line where a comment stands between the two."""
        if self.comments.opening.get(id(node)) or self.comments.above.get(id(value)):
            return (self.opening(node), Nest(INDENT, (HARD, self.whole(value))))
        return (" ", self.inner(value))

    def equals(self, node: nodes.Node) -> str:
        """The sign of a line, under those of its neighbours."""
        return " " * self.padding.get(id(node), 0) + " ="

    def bound(self, node: nodes.Node, value: nodes.Node) -> Doc:
        """What follows `name =`: where it does not fit on the line it begins on the next, as where it did.

        Its operators then stand under its beginning. Lists, calls and choices break inside instead.
        """
        if self.keeps_lines and on_new_line(node, value):
            return self.below(node, value, HARD)
        if isinstance(value, nodes.ListOf | nodes.Call | nodes.Choice | nodes.TupleOf):
            return self.hang(node, value)
        hanging = self.open.get(id(value))
        parts = getattr(value, "parts", ())
        commented = self.comments.touch(value) or self.comments.opening.get(id(node))
        if hanging is not None and not commented and self.broken(parts):
            return (" ", Align(Group(hanging)))
        return self.below(node, value, SPACE)

    def below(self, node: nodes.Node, value: nodes.Node, line: Line) -> Doc:
        """A value behind a line, its operators under its beginning."""
        hanging = None if self.comments.touch(value) else self.open.get(id(value))
        value_doc = self.whole(value) if hanging is None else Group(hanging)
        return (self.opening(node), Group(Nest(INDENT, (line, value_doc))))

    def broken(self, parts: Sequence[nodes.Node]) -> bool:
        """Whether the writer put the parts on several lines."""
        return any(self.line_between(left, right) for left, right in pairwise(parts))

    def _file(self, node: nodes.File) -> Doc:
        return self.lines(node.statements, first="")

    def _meta(self, node: nodes.Meta) -> Doc:
        padding = " " * self.padding.get(id(node), 0)
        first, *more = map(self.whole, node.values)
        if more:
            return (node.key, " ", first, padding, *((" ", value) for value in more))
        return (node.key, padding, " ", first)

    def _use(self, node: nodes.Use) -> Doc:
        return ("use ", self.whole(node.path))

    def _input(self, node: nodes.Input) -> Doc:
        name = "" if node.name is None else f"{node.name}{self.equals(node)} "
        layout = f"{node.layout} " if node.layout else ""
        return (f"input {name}{layout}", self.whole(node.shape))

    def _param(self, node: nodes.Param) -> Doc:
        statement = id(node) in self.statements
        name = f"param {node.name}" if statement else node.name
        if node.default is None:
            return name
        if not statement:
            return (name, "=", self.whole(node.default))
        return (name, self.equals(node), self.bound(node, node.default))

    def _let(self, node: nodes.Let) -> Doc:
        params = "" if node.params is None else self.sequence(None, "(", node.params, ")")
        names = f"{'shared' if node.shared else 'let'} {', '.join(node.names)}"
        return (names, params, self.equals(node), self.bound(node, node.value))

    def _block(self, node: nodes.Block) -> Doc:
        params = self.sequence(None, "(", node.params, ")") if node.params else ""
        body = self.indented(node, self.whole(node.body)) if node.body.lets else self.bound(node, node.body)
        return (f"block {node.name}", params, self.equals(node), body)

    def _body(self, node: nodes.Body) -> Doc:
        # a result that begins with a minus would continue the `let` above it
        result = self.operand(node.result, Level.VALUE)
        free = id(node.result) not in self.negative and not self.comments.touch(node.result)
        hanging = self.open.get(id(node.result)) if free else None
        if node.lets:
            return self.lines((*node.lets, node.result), last=result if hanging is None else Group(hanging))
        if hanging is not None:
            self.open[id(node)] = hanging
        return (self.above(node.result), result)

    def _net(self, node: nodes.Net) -> Doc:
        if not node.keyword:
            return self.whole(node.body)
        if node.body.lets:
            return ("net", self.indented(node, self.whole(node.body)))
        return ("net", self.hang(node, node.body))

    def _check(self, node: nodes.Check) -> Doc:
        return ("check", self.hang(node, node.condition))

    def _train(self, node: nodes.Train) -> Doc:
        return ("train", self.indented(node, self.lines(node.settings))) if node.settings else "train"

    def _setting(self, node: nodes.Setting) -> Doc:
        return (node.name, self.equals(node), self.bound(node, node.value))

    def _search(self, node: nodes.Search) -> Doc:
        return ("search", self.indented(node, self.lines(node.items))) if node.items else "search"

    def _objective(self, node: nodes.Objective) -> Doc:
        return (node.direction, self.hang(node, node.metric))

    def _require(self, node: nodes.Require) -> Doc:
        return ("require ", self.hang(node, node.condition))


def _line_at(span: Span) -> Line:
    return BLANK if blank_before(span) else HARD
