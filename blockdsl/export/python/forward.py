"""`forward` as a person writes it: short expressions, few names, each value in use until it is not."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from blockdsl.codegen.tree import DRAW
from blockdsl.export.python.grouping import Plan
from blockdsl.export.python.names import METHOD, is_free, unique
from blockdsl.export.python.structure import Ref
from blockdsl.export.python.text import indented

NESTED = 60
"""An expression is written into the next one up to this length."""


@dataclass
class Step:
    """A call in `forward`: a text with `{0}`, `{1}` … (or `{x}`) for what it takes.

    `flag` names an attribute that says whether it is done at all, `through` which tensor passes if
    not. `loop` are the lines of a run. `{m0}`, `{m1}` … are `modules` that it mentions; a step that is `held`
    does nothing, its text is such a module.
    """

    text: str
    sources: tuple[Ref, ...]
    ports: int
    name: str
    flag: str = ""
    through: int | None = None
    training: bool = False
    state: bool = False
    activates: bool = False
    loop: list[str] = field(default_factory=list)
    held: bool = False
    modules: tuple[Ref, ...] = ()


@dataclass(frozen=True)
class Style:
    """How the statements of a method are written.

    Attributes:
        kept: names that no value takes over.
        first: a name for a value that takes over no other's.
        nested: whether calls of shared modules are written into other expressions.
    """

    kept: Collection[str] = ()
    first: str = "y"
    nested: bool = True


class _Values:
    """What each tensor and module is called, and how often it is still to be read.

    `calls` are the steps that call shared modules, in the order in which the text does; `inside` are those
    that an expression holds.
    """

    def __init__(self, steps: list[Step], outputs: Sequence[Ref], style: Style) -> None:
        self.style = style
        self.reads: dict[Ref, int] = {}
        self.last: dict[Ref, int] = {}
        for index, step in enumerate(steps):
            for source in step.sources:
                self.reads[source] = self.reads.get(source, 0) + 1
                self.last[source] = index
        for output in outputs:
            self.reads[output] = self.reads.get(output, 0) + 1
            self.last[output] = len(steps)
        self.last |= dict.fromkeys((module for step in steps for module in step.modules), len(steps))
        self.text: dict[Ref, str] = {}
        self.calls: list[int] = []
        self.inside: dict[Ref, list[int]] = {}
        self.branches = self._branches(steps)

    def _branches(self, steps: list[Step]) -> dict[Ref, str]:
        """What flows into a join of three or more is called `branch1`, `branch2` …"""
        found: dict[Ref, str] = {}
        for step in steps:
            if step.text.startswith("torch.cat") and len(step.sources) > 2:
                for number, source in enumerate(step.sources, 1):
                    ref = source
                    while ref[0] >= 0 and self.reads[ref] == 1 and steps[ref[0]].ports == 1:
                        found.setdefault(ref, f"branch{number}")
                        ref = steps[ref[0]].sources[0]
        return found


def names_of_inputs(plan: Plan) -> list[str]:
    """`x`, or `x1`, `x2` …; the draw of global drop-path is called so, and a module as it is elsewhere."""
    tensors, modules = plan.full.node.inputs, plan.full.node.modules
    draws = ["draw" for column in tensors if DRAW in column]
    count = len(tensors) - len(draws)
    names = [*(["x"] if count == 1 else [f"x{i}" for i in range(1, count + 1)]), *draws]
    for module in modules:
        names.append(unique(module[-1], {*names, *METHOD}))
    return names


def forward(plan: Plan, steps: list[Step]) -> list[str]:
    """The method of a class that is no chain."""
    names = names_of_inputs(plan)
    count = len(plan.full.node.inputs)
    hints = [f"{n}: {'Tensor | None' if n == 'draw' else 'Tensor'}" for n in names[:count]]
    hints += [f"{name}: nn.Module" for name in names[count:]]
    result = tensors_hint(len(plan.full.outputs))
    if plan.full.heads:
        result = "Tensor | None" if result == "Tensor" else "tuple[Tensor | None, ...]"
    lines, outputs = statements(steps, names, plan.full.outputs)
    if outputs:
        lines.append(f"return {', '.join(outputs)}")
    return [f"def forward(self, {', '.join(hints)}) -> {result}:", *indented(lines)]


def tensors_hint(count: int) -> str:
    """The type of a tensor, or of a tuple of several; `None` for none."""
    if count < 2:
        return "Tensor" if count else "None"
    return f"tuple[{', '.join(['Tensor'] * count)}]"


def statements(
    steps: list[Step], names: list[str], outputs: Sequence[Ref], style: Style = Style()
) -> tuple[list[str], list[str]]:
    """The statements before the return, and the expressions of the outputs; `names` are those of the inputs.

    Shared modules are called in the order of the steps: a norm counts batches at each call.
    """
    values = _Values(steps, outputs, style)
    for i, name in enumerate(names):
        values.text[-1, i] = name
    lines: list[str] = []
    for index, step in enumerate(steps):
        _write(values, steps, index, step, lines)
    values.calls += [call for output in outputs for call in values.inside.get(output, [])]
    if values.calls != sorted(values.calls):
        return statements(steps, names, outputs, replace(style, nested=False))
    return lines, [values.text[o] for o in outputs]


def _write(values: _Values, steps: list[Step], index: int, step: Step, lines: list[str]) -> None:
    if step.held:
        values.text[index, 0] = step.text
        return
    calls = [call for source in step.sources for call in values.inside.get(source, [])]
    calls += [index] * bool(step.modules)
    operands = [values.text[s] for s in step.sources]
    refs: list[Ref] = [(index, p) for p in range(step.ports)]
    if step.loop:
        name = _name(values, index, step, operands)
        first, *rest = step.loop
        if operands[0] != name:
            if first.startswith("for"):
                lines.append(f"{name} = {operands[0]}")
            else:
                first = first.replace("{x} =", f"{name} =").replace("({x})", f"({operands[0]})")
        lines += [line.replace("{x}", name) for line in (first, *rest)]
        values.calls += calls
        values.text[refs[0]] = name
        return
    text = step.text
    for number, module in enumerate(step.modules):
        text = text.replace(f"{{m{number}}}", values.text[module])
    expression = _filled(text, operands)
    if step.training:
        nothing = "None" if step.ports < 2 else f"({', '.join(['None'] * step.ports)})"
        expression = f"{expression} if self.training else {nothing}"
    if step.flag:
        passed = operands[step.through or 0]
        expression = f"{expression} if self.{step.flag} else {passed}"
    if step.ports == 1 and _inlined(values, steps, index, expression, step):
        values.text[refs[0]] = expression
        values.inside[refs[0]] = calls
        return
    values.calls += calls
    if step.ports > 1:
        targets = []
        for port, ref in enumerate(refs):
            letter = "abcdefgh"[port] if step.ports <= 8 else f"part{port}"
            targets.append(_fresh(values, index, letter) if ref in values.reads else "_")
            values.text[ref] = targets[-1]
        lines.append(f"{', '.join(targets)} = {expression}")
        return
    if not values.reads.keys() & refs:
        lines.append(expression)
        return
    name = _name(values, index, step, operands)
    lines.append(f"{name} = {expression}")
    values.text[refs[0]] = name


def _inlined(values: _Values, steps: list[Step], index: int, expression: str, step: Step) -> bool:
    """Whether a value is written into the only expression that reads it."""
    ref = (index, 0)
    if values.reads.get(ref, 0) != 1 or step.training or (step.modules and not values.style.nested):
        return False
    reader = values.last[ref]
    if reader == len(steps):
        return len(expression) <= 2 * NESTED - 32 or expression.startswith("torch.cat(")
    if step.flag or len(expression) > NESTED:
        return False
    following = steps[reader]
    if following.loop or following.flag or following.training or following.text.count("{") > 3:
        return False
    if step.activates and step.text.startswith("F.") and following.state:
        return False
    if following.text.count("{x}") > 1 or reader - index > 3:
        return False
    # What it mentions stays as it is until then: `_name` takes no name that a pending expression has.
    depth = expression.count("(")
    return depth <= (2 if reader != index + 1 else 3 if len(following.sources) == 1 else 4)


def _name(values: _Values, index: int, step: Step, operands: list[str]) -> str:
    """The name of a new value: that of one that ends here, or of a tensor that is kept for long."""
    ref = (index, 0)
    alive = {t for r, t in values.text.items() if values.last.get(r, -1) > index}
    alive_names = {w for t in alive for w in re.findall(r"[A-Za-z_]\w*", t)}
    kept = values.reads.get(ref, 0) > 1 and values.last[ref] - index > 5
    if ref in values.branches and values.branches[ref] not in alive_names:
        return values.branches[ref]
    if (kept or step.training) and is_free(step.name, {*alive_names, *METHOD}):
        return step.name
    for operand in operands:
        words: list[str] = re.findall(r"(?<![.\w])[a-z]\w*(?![\w(.])", operand)
        for word in words:
            if word not in {*alive_names, *values.style.kept, "self", "if", "else", "dim", "draw"}:
                return word
    return _fresh(values, index, values.style.first)


def _fresh(values: _Values, index: int, wanted: str) -> str:
    alive = {t for r, t in values.text.items() if values.last.get(r, -1) > index or r[0] == index}
    words = {w for t in alive for w in re.findall(r"[A-Za-z_]\w*", t)} | {*values.style.kept}
    options = [wanted, "y", "z", "u", "v", "w", *(f"y{i}" for i in range(1, 500))]
    return next(o for o in options if o not in words)


def _filled(text: str, operands: list[str]) -> str:
    """A template with its operands, those in brackets that would not hold together in it."""
    is_sum = re.fullmatch(r"\{\w\}( \+ \{\w\})*", text)
    for i, operand in enumerate(operands):
        kind = ast.parse(operand, mode="eval").body
        needs = isinstance(kind, ast.IfExp) or (isinstance(kind, ast.BinOp | ast.UnaryOp) and not is_sum)
        shown = f"({operand})" if needs and not _enclosed(text, i, kind) else operand
        text = text.replace(f"{{{i}}}", shown)
        if i == 0:
            text = text.replace("{x}", shown)
    return text


def _enclosed(text: str, index: int, kind: ast.expr) -> bool:
    """Whether an operand stands alone between brackets, or, if it is no condition, between commas in them."""
    name = r"\{x\}" if index == 0 and "{x}" in text else rf"\{{{index}\}}"
    around = rf"\({name}[,)]" if isinstance(kind, ast.IfExp) else rf"(?:[(\[]|, ){name}[],)]"
    return bool(re.search(around, text))
