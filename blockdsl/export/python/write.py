"""A network as the text of a Python file that needs torch alone."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from blockdsl.analysis import summarise
from blockdsl.codegen import build, module_path
from blockdsl.codegen.containers import Network
from blockdsl.codegen.initial import located
from blockdsl.codegen.tree import ModuleNode, tree
from blockdsl.diagnostics import error, exception_text
from blockdsl.export.python.classes import Class, Writer
from blockdsl.export.python.definitions import Definition, definition_of, number
from blockdsl.export.python.fitting import Scope
from blockdsl.export.python.forward import Style, statements, tensors_hint
from blockdsl.export.python.grouping import Plan, order, plans, titled, told, variant
from blockdsl.export.python.imports import import_lines
from blockdsl.export.python.initial import initial_lines
from blockdsl.export.python.layers import Layers
from blockdsl.export.python.names import METHOD, unique
from blockdsl.export.python.structure import Reader, as_runs
from blockdsl.export.python.text import WIDTH, indented, wrapped
from blockdsl.formatting import ports_text
from blockdsl.ir import Graph, Port
from blockdsl.lowering import Program
from blockdsl.ops import Ids, Tokens

MOST_TYPED = 3
"""So many outputs of a network have a type each."""


def python_source(program: Program) -> str:
    """The network of a file as readable PyTorch: one class a block, the same `state_dict` keys.

    Raises:
        ArchError: a layer cannot be written down; it is named with its place.
    """
    file = _File(program)
    text = file.text()
    _prove(text, file.classes[-1].name, file.module)
    return text


def _prove(text: str, name: str, built: nn.Module) -> None:
    """Run a written file and make its network, which must have the tensors of the built one.

    Raises:
        ArchError: it does not run, or has others; nothing should be written then.
    """
    found: dict[str, Any] = {"__name__": "written"}
    try:
        with torch.device("meta"):
            exec(compile(text, "<written>", "exec"), found)
            network = found[name]()
        state = {key: tensor.shape for key, tensor in network.state_dict().items()}
        problem = "" if state == {k: t.shape for k, t in built.state_dict().items()} else "has other tensors"
    except Exception as failure:  # whatever is wrong with the file, it must not be written
        problem = f"fails with {exception_text(failure)}"
    if problem:
        raise error(
            "output",
            f"the network cannot be written as Python: the written file {problem}",
            help="this is a mistake of blockdsl, please report it; the other formats are not concerned",
        )


class _File:
    def __init__(self, program: Program) -> None:
        self.program, self.graph = program, program.graph
        module = build(self.graph, device="meta")
        self.module = module
        self.draws = isinstance(module, Network) and module._draws
        joins = _joins(self.graph) if self.draws else frozenset[int]()
        self.root = tree(self.graph, joins)
        self.classes: list[Class] = []
        leaves = (
            module.get_submodule(module_path(self.graph, layer))
            for layer in self.graph.layers()
            if not layer.is_input
        )
        kinds = {type(leaf) for leaf in leaves}
        self.known = Layers(kind for kind in kinds if not kind.__module__.startswith("torch."))
        self.reader = Reader(self.graph, self.root, module, self.known)
        self.names = {"Tensor", "Mean"} | {kind.__name__ for kind in kinds} | self.known.names

    def text(self) -> str:
        nodes = {n.names: n for n in _containers(self.root, self.reader)}
        titles = {names: self._title(names) for names in nodes}
        for title, members in order(nodes, titles):
            if members == [self.root]:
                continue
            containers = [self.reader.read(node, title) for node in members]
            as_runs(containers)
            base = None
            for plan in plans(title, containers):
                self._write(plan, base)
                base = base or plan
        self._network()
        return self._assembled()

    def _title(self, names: tuple[str, ...]) -> str:
        if not names:
            return ""
        call = self.reader.calls.get(names)
        return titled(call.block if call else names[-1].rstrip("0123456789") or names[-1])

    def _unique(self, name: str) -> str:
        name = name if not name[:1].isdigit() else f"Net{name}"
        chosen = unique(
            name or "Block", self.names, numbered=lambda n, i: f"{n}{'_' if n[-1].isdigit() else ''}{i}"
        )
        self.names.add(chosen)
        return chosen

    def _write(self, plan: Plan, base: Plan | None) -> None:
        definition = definition_of(plan.full)
        name = self._unique(variant(told(plan), plan, base) if base else told(plan))
        writer = Writer(
            plan, name, definition, Scope(len(plan.instances), _offers(plan, definition), self.names | METHOD)
        )
        writer.parts()
        cls = writer.finish()
        self.classes.append(cls)
        for container, _ in plan.instances:
            container.cls = cls
            self.reader.known[container.node.names] = container

    def _network(self) -> None:
        root = self.reader.read(self.root, "Network")
        plan = Plan("Network", root, [(root, list(range(len(root.parts))))])
        name = self._unique(titled(re.sub(r"\(.*?\)", "", self.program.meta.title)) or "Network")
        writer = Writer(plan, name, Definition(), Scope(1, {}))
        writer.comment_shapes = True
        inputs = [port.name for port in self.graph.inputs]
        writer.chain = writer.chain and inputs == ["x"] and len(self.graph.outputs) == 1
        writer.parts()
        self.layers = set().union(writer.layers, *(c.layers for c in self.classes))
        classes = self.program.params.get("classes")
        init = [_parameterised(line, classes) for line in writer.init]
        argument = f", classes: int = {classes}" if any("classes" in line for line in init) else ""
        body = [
            f"def __init__(self{argument}) -> None:",
            *indented(["super().__init__()", *init, *self._initial()]),
        ]
        if not writer.chain:
            body += ["", *self._forward(plan, writer)]
        base = "nn.Sequential" if writer.chain else "nn.Module"
        more = "; in training also a dict of the auxiliary outputs" if self.graph.auxiliaries else ""
        shapes = self._shapes(self.graph.inputs), self._shapes(self.graph.outputs)
        docstring = _docstring_lines(shapes[0], f"{shapes[1]}{more}.")
        self.classes.append(
            Class(name, [], [f"class {name}({base}):", *indented([*docstring, "", *body])], writer.layers)
        )

    def _shapes(self, ports: tuple[Port, ...]) -> str:
        """`(N, 3, 8, 8)`; of several the name before each."""
        texts = []
        for port in ports:
            shape = self.graph.shape_of(port.value)
            name = f"{port.name} " if len(ports) > 1 else ""
            kind = " whole numbers" if isinstance(shape, Ids) else ""
            texts.append(f"{name}(N, {', '.join(map(str, shape))}){kind}")
        return ", ".join(texts)

    def _initial(self) -> list[str]:
        return initial_lines(
            self.graph, located(self.graph, self.program.recipe.init), self.module, self.known
        )

    def _forward(self, plan: Plan, writer: Writer) -> list[str]:
        names = self._inputs()
        ref = {column[0]: ref for column, ref in zip(self.root.outputs, plan.full.outputs, strict=True)}
        results = [ref[value] for value in self.graph.results()]
        style = Style() if names == ["x"] else Style(kept=names, first="x")
        lines, texts = statements(writer.steps, [*names, *["draw"] * self.draws], results, style)
        if self.draws:
            lines.insert(0, f"draw = torch.rand(2, device={names[0]}.device) if self.training else None")
        count = len(self.graph.outputs)
        result = tensors_hint(count) if count <= MOST_TYPED else "tuple[Tensor, ...]"
        outputs, heads = ", ".join(texts[:count]), texts[count:]
        if not heads:
            lines.append(f"return {outputs}")
        else:
            returned = self._returned(outputs, heads)
            if outputs != returned:
                lines.append(f"{returned} = {outputs}")
            named = zip(self.graph.auxiliaries, heads, strict=True)
            made = ", ".join(f'"{auxiliary.name}": {head}' for auxiliary, head in named)
            lines += ["if self.training:", f"    return {returned}, {{{made}}}", f"return {returned}"]
            result = f"{result} | tuple[{result}, dict[str, Tensor]]"
        hints = ", ".join(f"{name}: Tensor" for name in names)
        return [f"def forward(self, {hints}) -> {result}:", *indented(lines)]

    def _inputs(self) -> list[str]:
        """What `forward` calls its inputs: their names, but for those that mean something else there."""
        names: list[str] = []
        for port in self.graph.inputs:
            names.append(unique(port.name, {*names, *self.names, *METHOD} - {"x"}))
        return names

    def _returned(self, outputs: str, heads: Iterable[str]) -> str:
        """A variable for what is returned, which the auxiliary outputs do not mention."""
        wanted = "x" if len(self.graph.outputs) == 1 else "outputs"
        mentioned = {word for text in heads for word in re.findall(r"\w+", text)}
        return wanted if outputs == wanted or wanted not in mentioned else unique(wanted, mentioned)

    def _assembled(self) -> str:
        definitions, imports = self.known.sources(self.layers)
        bodies = ["\n".join(wrapped(c.lines)) for c in self.classes]
        main = [
            'if __name__ == "__main__":',
            f"    model = {self.classes[-1].name}()",
            '    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")',
        ]
        text = "\n\n\n".join([*definitions, *bodies, "\n".join(main)])
        gap = "\n\n\n" if text.startswith(("class ", "def ")) else "\n\n"
        return f"{self._docstring()}\n\n{import_lines(text, imports)}{gap}{text}\n"

    def _docstring(self) -> str:
        meta, summary = self.program.meta, summarise(self.graph)
        source = ": ".join(filter(None, [meta.authors, meta.paper]))
        inputs = ports_text(summary.inputs)
        what = f"{inputs} input" if len(summary.inputs) == 1 else f"sample of {inputs}"
        costs = f"{summary.params:,} parameters, {summary.macs:,} multiply-accumulates for one {what}."
        paragraphs = [meta.title or "A network", source, costs]
        blocks = ["\n".join(textwrap.wrap(p, WIDTH - 3)) for p in paragraphs if p]
        return '"""' + "\n\n".join(blocks).replace("\\", "/").replace('"""', "'''") + '\n"""'


def _docstring_lines(inputs: str, outputs: str) -> list[str]:
    """The docstring `inputs -> outputs`, on one line if it fits."""
    lines = [f'"""{inputs} -> {outputs}"""']
    if len(lines[0]) <= WIDTH - 4:
        return lines
    width = WIDTH - 4
    return [*textwrap.wrap(f'"""{inputs}', width), *textwrap.wrap(f"-> {outputs}", width), '"""']


def _containers(root: ModuleNode, reader: Reader) -> list[ModuleNode]:
    found, queue = [], [root]
    while queue:
        node = queue.pop(0)
        found.append(node)
        queue += [u for u in map(reader.unwrapped_node, node.children.values()) if u.layer is None]
    return found


def _joins(graph: Graph) -> frozenset[int]:
    return frozenset(layer.id for layer in graph.layers() if getattr(layer.operation, "columns", None))


def _offers(plan: Plan, definition: Definition) -> dict[str, list[Any]]:
    """The rows that have a name: the channels that flow in, the numeric arguments of the block."""
    instances = [c for c, _ in plan.instances]
    offers: dict[str, list[Any]] = {}
    names = dict.fromkeys(n for c in instances if c.call for n in c.call.args)
    for name in names:
        values = [
            number(c.call.args[name]) if c.call and name in c.call.args else definition.default(name)
            for c in instances
        ]
        if all(v is not None for v in values):
            offers[name] = values
    shapes = [c.input_shapes[0] for c in instances]
    if all(shapes):
        name = "features" if all(isinstance(s, Tokens) for s in shapes) else "in_channels"
        offers[name] = [s.channels for s in shapes if s]
    return offers


def _parameterised(line: str, classes: Any) -> str:
    """The number of classes as the parameter that it is in the file."""
    if not isinstance(classes, int) or isinstance(classes, bool) or "(" not in line:
        return line
    head, bracket, rest = line.partition("(")
    code, mark, comment = rest.partition("  # ")
    return head + bracket + re.sub(rf"(?<![\w.]){classes}(?=[,)])", "classes", code) + mark + comment
