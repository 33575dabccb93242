"""What a file may not mean: names that nothing uses, an input written the other way round, SOFTMAX twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from blockdsl.diagnostics import Diagnostic, Mark
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph
from blockdsl.lowering import Program
from blockdsl.lowering.ties import tie_argument
from blockdsl.lowering.values import cut
from blockdsl.ops.layouts import Image
from blockdsl.recipe.terms import CrossEntropy
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, names_in, used_name
from blockdsl.syntax.names import Names
from blockdsl.syntax.traversal import walk


def warnings_of(program: Program) -> tuple[Diagnostic, ...]:
    """What `check` warns of, in the order of the places; nothing of it is wrong for certain.

    Names that begin with `_` may be unused, and so may all that a used file has.
    """
    found = [*_unused(program), *_suspicious(program)]
    return tuple(sorted(found, key=lambda one: one.marks[0].span.start))


def _warning(kind: str, message: str, place: Span, help: str = "") -> Diagnostic:
    return Diagnostic(kind, message, (Mark(place),), help=help, severity="warning")


# --- names that nothing uses


@dataclass(frozen=True, eq=False)
class _Binding:
    """A name that a file binds.

    Attributes:
        name: the name.
        words: the name, and what it names.
        node: the node that binds it.
        place: where.
        within: whether it is a parameter, an input, or is bound in a body: another body cannot use it.
        help: what its being unused means.
    """

    name: str
    words: str
    node: nodes.Node
    place: Span
    within: bool = False
    help: str = ""


_Users = dict[_Binding, set[nodes.Node | None]]
"""By binding, the `let`s and blocks that use it; None stands for the rest of the file."""


def _unused(program: Program) -> Iterator[Diagnostic]:
    file, flowing = program.file, _flowing(program.graph)
    names = Names(file)
    users = _users(file, names)
    reached = _reached(users)
    for binding, by in users.items():
        if binding in reached or binding.name.startswith("_"):
            continue
        if isinstance(binding.node, nodes.Input) and binding.name in flowing:
            continue
        others = sorted({node.name for node in by if isinstance(node, nodes.Let | nodes.Block)})
        how = f"used only by {' and '.join(others)}, which nothing uses" if others else "never used"
        yield _warning("unused", f"{binding.words} is {how}", binding.place, binding.help)
    meant = {id(found.node) for node in walk(file) if (found := names.definition(node))}
    lines = [statement for statement in file.statements if isinstance(statement, nodes.Use)]
    for line, used_names in zip(lines, names.uses, strict=True):
        if not any(id(one.node) in meant for one in used_names.defined.values()):
            yield _warning("unused", f"nothing of {line.path.value} is used", line.path.span)


def _flowing(graph: Graph) -> set[str]:
    """The inputs that flow somewhere, be it without their names: a net that begins with a network has all."""
    read = {value for layer in graph.layers() for value in layer.inputs} | set(graph.results())
    return {port.name for port in graph.inputs if port.value in read}


def _bindings(file: nodes.File) -> Iterator[_Binding]:
    """The names that a file binds, but the variables of loops."""
    for statement in file.statements:
        match statement:
            case nodes.Param(name=name):
                yield _Binding(name, f"the param {name}", statement, _head(statement, name))
            case nodes.Block(name=name, params=params, body=body):
                yield _Binding(name, f"the block {name}", statement, _head(statement, name))
                yield from _params(params, name)
                yield from _lets(body.lets, within=True)
            case nodes.Let():
                yield from _lets([statement], within=False)
            case nodes.Net(body=body):
                yield from _lets(body.lets, within=True)
            case nodes.Input(name=str() as name):
                help = "it stays an argument of the module"
                place = _head(statement, name)
                yield _Binding(name, f"the input {name}", statement, place, within=True, help=help)


def _lets(lets: Iterable[nodes.Let], *, within: bool) -> Iterator[_Binding]:
    for let in lets:
        function = "the name" if let.params is None else "the function"
        what = "the shared network" if let.shared else function
        for name in let.names:
            yield _Binding(name, f"{what} {name}", let, _head(let, name), within)
        yield from _params(let.params or (), let.name)


def _params(params: Iterable[nodes.Param], owner: str) -> Iterator[_Binding]:
    for param in params:
        yield _Binding(
            param.name, f"the parameter {param.name} of {owner}", param, _head(param, param.name), within=True
        )


def _head(node: nodes.Node, name: str) -> Span:
    """The place of a name that a node binds: the first time that it is written there."""
    found = re.search(rf"\b{re.escape(name)}\b", node.span.text)
    start = node.span.start + (found.start() if found else 0)
    return Span(node.span.source, start, start + len(name))


def _users(file: nodes.File, names: Names) -> _Users:
    """What uses each name that the file binds."""
    users: _Users = {binding: set() for binding in _bindings(file)}
    bound = {(id(binding.node), binding.name): binding for binding in users}
    inputs = [binding for binding in users if isinstance(binding.node, nodes.Input)]
    for part, around, let in _parts(file):
        for node in walk(part):
            definition = names.definition(node)
            if definition is None:
                continue
            if isinstance(definition.node, nodes.Net):
                for binding in _taken(inputs, node):
                    users[binding].add(let)
            elif used := bound.get((id(definition.node), definition.name)):
                user = let if used.within else around
                if user is not used.node:
                    users[used].add(None if isinstance(used.node, nodes.Param) and used.within else user)
    for body, around in _bodies(file):
        for call in walk(body):
            for let in _tied_to(call, body):
                for name in let.names:
                    users[bound[id(let), name]].add(around)
    words = [n for s in file.statements if isinstance(s, nodes.Check | nodes.Search) for n in walk(s)]
    seen = {word.steps[0].name for word in words if isinstance(word, nodes.Path)}
    for net in file.statements:
        for let in net.body.lets if isinstance(net, nodes.Net) else ():
            for name in seen.intersection(let.names):  # conditions see the names of the net
                users[bound[id(let), name]].add(None)
    return users


def _taken(inputs: list[_Binding], node: nodes.Node) -> list[_Binding]:
    """The inputs that `in` of the net is: all of them, or the one of an index that is written as a number."""
    match node:
        case nodes.Path(steps=(nodes.Step(indices=(nodes.Number(value=int() as index), *_)), *_)):
            return inputs[index - 1 : index]
    return inputs


def _parts(file: nodes.File) -> Iterator[tuple[nodes.Node, nodes.Node | None, nodes.Node | None]]:
    """The file in parts, each with the block or the `let` at the top, and the `let` in a body, it is in."""
    for statement in file.statements:
        match statement:
            case nodes.Block(params=params, body=body):
                for part in (*params, body.result, *body.lets):
                    yield part, statement, part if isinstance(part, nodes.Let) else None
            case nodes.Net(body=body):
                for part in (body.result, *body.lets):
                    yield part, None, part if isinstance(part, nodes.Let) else None
            case _:
                yield statement, statement if isinstance(statement, nodes.Let) else None, None


def _bodies(file: nodes.File) -> Iterator[tuple[nodes.Body, nodes.Block | None]]:
    """The bodies of a file, each with its block; that of the net has none."""
    for statement in file.statements:
        if isinstance(statement, nodes.Block | nodes.Net):
            yield statement.body, statement if isinstance(statement, nodes.Block) else None


def _tied_to(node: nodes.Node, body: nodes.Body) -> Iterator[nodes.Let]:
    """The `let`s of a body in which a layer may stand that a call has as its `tie`."""
    tie = tie_argument(node) if isinstance(node, nodes.Call) else None
    written = tie and bare(tie.value)
    if isinstance(written, nodes.Path):
        for let in body.lets:
            if let.span.end <= written.span.start and used_name(written) in names_in(let.value):
                yield let


def _reached(users: _Users) -> set[_Binding]:
    """What is used by something that is used itself."""
    used_by: dict[int, list[_Binding]] = {}
    for binding, by in users.items():
        for node in by:
            used_by.setdefault(id(node), []).append(binding)
    reached: set[_Binding] = set()
    waiting: list[nodes.Node | None] = [None]
    while waiting:
        for binding in used_by.pop(id(waiting.pop()), ()):
            reached.add(binding)
            waiting.append(binding.node)
    return reached


# --- what is probably not meant


def _labels_of_tensors(program: Program) -> Iterator[Diagnostic]:
    """Labels in the net that name a tensor with a name of its own, where the network after it was meant."""
    graph, seen = program.graph, set[int]()
    for net in program.file.statements:
        for whole in walk(net) if isinstance(net, nodes.Net) else ():
            label: nodes.Node = whole
            while isinstance(label, nodes.Chain | nodes.Sum | nodes.Product | nodes.Concat):
                label = label.parts[0]
            if label is whole or not isinstance(label, nodes.Label) or id(label) in seen:
                continue
            seen.add(id(label))
            value = graph.points.get(label.name)
            if value is None or not isinstance(label.body, nodes.Path):
                continue
            if graph.layer(value.node).path[0].name != label.name:
                text = " ".join(whole.span.text.split()).removeprefix(f"{label.name}:")
                yield _warning(
                    "suspicious", f"the label {label.name} names {label.body.span.text} alone", label.span,
                    f"in brackets it names the whole: {label.name}:({cut(text)})",
                )  # fmt: skip


def _suspicious(program: Program) -> Iterator[Diagnostic]:
    graph = program.graph
    for port in graph.inputs:
        layer = graph.layer(port.value.node)
        shape = layer.shape
        if isinstance(shape, Image) and shape[2] in (1, 3, 4) and min(shape[:2]) > 4:
            fixed = shape_text((shape[2], *shape[:2]))
            yield _warning(
                "suspicious", f"the input has {shape[0]} channels and is {shape[2]} wide", layer.span,
                f"sizes are channels x height x width: {fixed}",
            )  # fmt: skip
    yield from _labels_of_tensors(program)
    if not any(isinstance(statement, nodes.Train) for statement in program.file.statements):
        return
    if isinstance(program.recipe.loss, CrossEntropy):
        for value in dict.fromkeys(graph.results()):
            layer = graph.layer(value.node)
            if layer.operation.name == "SOFTMAX":
                yield _warning(
                    "suspicious", "cross_entropy applies SOFTMAX itself, so that it is applied twice",
                    layer.span, "end the network before it; the accuracy is the same without",
                )  # fmt: skip
