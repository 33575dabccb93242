"""One class out of the instances of one block: its parameters, `__init__` and `forward`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from blockdsl.export.python.definitions import Definition
from blockdsl.export.python.fitting import MISSING, Scope
from blockdsl.export.python.forward import Step, forward
from blockdsl.export.python.functional import template
from blockdsl.export.python.grouping import Plan
from blockdsl.export.python.modules import Name
from blockdsl.export.python.parameters import Parameter
from blockdsl.export.python.runs import Calls, run_lines
from blockdsl.export.python.structure import ACTIVATION, CALL, Part, Ref
from blockdsl.export.python.text import call, indented
from blockdsl.formatting import shape_text
from blockdsl.ops.join import Sum


@dataclass
class Class:
    """A class of the written file; `layers` are the modules of ours that it needs."""

    name: str
    params: list[Parameter]
    lines: list[str]
    layers: set[type[nn.Module]]


class Writer:
    """Writes one class. `root` says what only the whole network has."""

    def __init__(self, plan: Plan, name: str, definition: Definition, scope: Scope) -> None:
        self.plan, self.name, self.definition, self.scope = plan, name, definition, scope
        self.layers: set[type[nn.Module]] = set()
        self.init: list[str] = []
        self.steps: list[Step] = []
        self.chain = _is_chain(plan)
        self.comment_shapes = False

    def parts(self) -> None:
        """Fit every part: what `__init__` makes, what `forward` calls."""
        for index, part in enumerate(self.plan.parts):
            if part.held:
                self._held(index, part)
            elif part.kind == CALL:
                self._call(part)
            elif part.first is not None:
                self._run(index, part)
            else:
                self._single(index, part)

    def _run(self, index: int, part: Part) -> None:
        rows: list[Calls] = [p.args for p in self.plan.rows(index) if p is not None]
        lines, calls, count = run_lines(part, rows, self.scope)
        if self.comment_shapes and len(rows) == 1 and len(lines) == len(part.args):
            lines = [f"{line}  # {shape_text(shape)}" for line, shape in zip(lines, part.each, strict=True)]
        self.init += lines
        if count and not self.chain and not count.isdigit():
            self.init.append(f"self.{part.name}_count = {count}")
            calls = [c.replace(count, f"self.{part.name}_count") for c in calls]
        text = "{0}"
        for k in range(len(part.args) if not count else 0):
            text = f"self.{part.name}{(part.first or 0) + k}({text})"
        self.steps.append(Step("" if calls else text, part.sources, 1, part.name, loop=calls, state=True))

    def _held(self, index: int, part: Part) -> None:
        """A shared module: what calls it, or hands it on, mentions it by its name."""
        text = part.kind
        if not text.startswith("self."):
            text = f"self.{part.name}"
            rows = [row for row in self.plan.rows(index) if row is not None]
            settings = {n: self.scope.fit([r.args[0][n] for r in rows], n, part.name) for n in part.args[0]}
            self._make(part, call(part.kind, settings, part.defaults))
        self.steps.append(Step(text, (), 1, part.name, held=True))

    def _call(self, part: Part) -> None:
        """A call of a shared module, which may hand on others."""
        self._step(part, "{m0}", part.modules[1:], 1)

    def _single(self, index: int, part: Part) -> None:
        rows = self.plan.rows(index)
        settings = {name: [MISSING if r is None else r.args[0][name] for r in rows] for name in part.args[0]}
        absent = any(r is None for r in rows)
        constant = {n: v[0] for n, v in settings.items() if not absent and all(w == v[0] for w in v)}
        inplace = part.inplace and all(r is None or r.inplace for r in rows)
        if part.kind == ACTIVATION:
            kinds: list[Any] = [Name("nn.Identity") if v is MISSING else v for v in settings["activation"]]
            if len(set(kinds)) > 1:
                varied = [p for p in self.plan.parts if p.kind == ACTIVATION]
                part = replace(part, name=f"activation{varied.index(part) + 1 if len(varied) > 1 else ''}")
                self._module(part, f"{self.scope.fit(kinds, 'activation')}()", None)
                return
            made = f"{kinds[0].text}({'inplace=True' if inplace else ''})"
            self._stateless(part, {"activation": kinds[0]}, made, None, index)
            return
        if len(part.sources) > 1 and template(part, constant):
            self._stateless(part, constant, "", rows if absent else None, index)
            return
        if not self.chain and template(part, constant) and not absent:
            self._stateless(part, constant, "", None, index)
            return
        texts = {n: self.scope.fit(v, n, part.name) for n, v in settings.items()}
        condition = (
            self.scope.condition([r is not None for r in rows], part.name.rstrip("0123456789"))
            if absent
            else None
        )
        self._module(part, call(part.kind, texts, part.defaults), condition)

    def _stateless(
        self, part: Part, constant: dict[str, Any], made: str, rows: list[Part | None] | None, index: int
    ) -> None:
        if part.kind == ACTIVATION:
            part = _as_leaf(part)
            constant = dict(part.leaf.args) if part.leaf else {}
        text = template(part, constant)
        if self.chain or text is None:
            self._module(part, made, None)
            return
        flag = ""
        if rows is not None:
            condition = self.scope.condition([r is not None for r in rows], "residual")
            flag = "residual" if part.leaf and isinstance(part.leaf.operation, Sum) else "gated"
            self.init.append(f"self.{flag} = {condition}")
        through = self.plan.through.get(index)
        self.steps.append(
            Step(
                text,
                part.sources,
                len(part.shapes),
                part.name,
                flag=flag,
                through=through,
                training=part.training,
                activates=part.leaf is not None and part.leaf.operation.family == "activation",
            )
        )

    def _module(self, part: Part, made: str, condition: str | None) -> None:
        if condition:
            made = f"({made} if {condition} else nn.Identity())"
            if len(f"        self.{part.name} = {made}") - 2 <= 100:
                made = made[1:-1]
        self._make(part, made)
        self._step(part, f"self.{part.name}", part.modules, 0)

    def _make(self, part: Part, made: str) -> None:
        """The line of `__init__`."""
        if part.leaf is not None and not part.leaf.kind.startswith("nn."):
            self.layers.add(part.leaf.module)
        shape = part.shapes[0] if self.comment_shapes and part.shapes else ()
        comment = f"  # {shape_text(shape)}" if shape else ""
        self.init.append(f"self.{part.name} = {made}{comment}")

    def _step(self, part: Part, called: str, handed: Sequence[Ref], first: int) -> None:
        """The call in `forward`; the modules that are `handed` are numbered from `first`."""
        arguments = [f"{{{i}}}" for i in range(len(part.sources))]
        arguments += [f"{{m{i}}}" for i in range(first, first + len(handed))]
        self.steps.append(
            Step(
                f"{called}({', '.join(arguments)})",
                part.sources,
                len(part.shapes),
                part.name,
                training=part.training,
                state=True,
                modules=part.modules,
            )
        )

    def finish(self) -> Class:
        """The class as text; the scope has the parameters."""
        self.scope.finish()
        for number, (container, _) in enumerate(self.plan.instances):
            container.values = {p.name: p.values[number] for p in self.scope.params}
        base = "nn.Sequential" if self.chain else "nn.Module"
        params = "".join(f", {p.signature}" for p in self.scope.params)
        body = [f"def __init__(self{params}) -> None:", *indented(["super().__init__()", *self.init])]
        if not self.chain:
            body += ["", *forward(self.plan, self.steps)]
        lines = [f"class {self.name}({base}):", *indented([*self.definition.docstring(self.plan), "", *body])]
        return Class(self.name, self.scope.params, lines, self.layers)


def _as_leaf(part: Part) -> Part:
    """An activation under its own name."""
    return replace(part, kind=part.leaf.kind if part.leaf else part.kind)


def _is_chain(plan: Plan) -> bool:
    """Whether each part takes what the one before it yields: an `nn.Sequential`."""
    full = plan.full
    previous = -1
    for index, part in enumerate(plan.parts):
        if part.sources != ((previous, 0),) or len(part.shapes) != 1 or part.training or part.modules:
            return False
        previous = index
    return len(full.inputs) == 1 and full.outputs == ((previous, 0),) and not full.heads
