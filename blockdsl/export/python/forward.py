"""`forward` as a person writes it: short expressions, few names, each value in use until it is not."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from blockdsl.codegen.tree import DRAW
from blockdsl.export.python.grouping import Plan
from blockdsl.export.python.names import METHOD, is_free
from blockdsl.export.python.structure import Ref
from blockdsl.export.python.text import indented

NESTED = 60
"""An expression is written into the next one up to this length."""


@dataclass
class Step:
    """A call in `forward`: a text with `{0}`, `{1}` … (or `{x}`) for what it takes.

    `flag` names an attribute that says whether it is done at all, `through` which tensor passes if
    not. `loop` are the lines of a run.
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


class _Values:
    """What each tensor is called, and how often it is still to be read."""

    def __init__(self, plan: Plan, steps: list[Step]) -> None:
        self.reads: dict[Ref, int] = {}
        self.last: dict[Ref, int] = {}
        for index, step in enumerate(steps):
            for source in step.sources:
                self.reads[source] = self.reads.get(source, 0) + 1
                self.last[source] = index
        for output in plan.full.outputs:
            self.reads[output] = self.reads.get(output, 0) + 1
            self.last[output] = len(steps)
        self.text: dict[Ref, str] = {}
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
    """`x`, or `x1`, `x2` …; the draw of global drop-path is called so."""
    values = plan.full.inputs
    tensors = [v for v in values if v != DRAW]
    names = ["x"] if len(tensors) == 1 else [f"x{i}" for i in range(1, len(tensors) + 1)]
    return [*names, *["draw" for v in values if v == DRAW]]


def forward(plan: Plan, steps: list[Step]) -> list[str]:
    """The method of a class that is no chain."""
    names = names_of_inputs(plan)
    hints = ", ".join(f"{n}: {'Tensor | None' if n == 'draw' else 'Tensor'}" for n in names)
    count = len(plan.full.outputs)
    result = "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"
    if plan.full.heads:
        result = "tuple[Tensor | None, ...]"
    return [f"def forward(self, {hints}) -> {result}:", *indented(body(plan, steps, names))]


def body(plan: Plan, steps: list[Step], names: list[str]) -> list[str]:
    """The statements; the last one returns."""
    lines, outputs = statements(plan, steps, names)
    lines.append(f"return {', '.join(outputs)}")
    return lines


def statements(plan: Plan, steps: list[Step], names: list[str]) -> tuple[list[str], list[str]]:
    """The statements before the return, and the expressions of the outputs."""
    values = _Values(plan, steps)
    for i, name in enumerate(names):
        values.text[-1, i] = name
    lines: list[str] = []
    for index, step in enumerate(steps):
        _write(values, steps, index, step, lines)
    return lines, [values.text[o] for o in plan.full.outputs]


def _write(values: _Values, steps: list[Step], index: int, step: Step, lines: list[str]) -> None:
    operands = [values.text[s] for s in step.sources]
    refs: list[Ref] = [(index, p) for p in range(step.ports)]
    if step.loop:
        name = _name(values, index, step, operands)
        if operands[0] != name:
            first, *rest = step.loop
            if first.startswith("for"):
                lines.append(f"{name} = {operands[0]}")
            else:
                lines.append(first.replace("{x} =", f"{name} =").replace("({x})", f"({operands[0]})"))
                step.loop = rest
        lines += [line.replace("{x}", name) for line in step.loop]
        values.text[refs[0]] = name
        return
    expression = _filled(step.text, operands)
    if step.training:
        expression = f"{expression} if self.training else None"
    if step.flag:
        passed = operands[step.through or 0]
        expression = f"{expression} if self.{step.flag} else {passed}"
    if step.ports == 1 and _inlined(values, steps, index, expression, step):
        values.text[refs[0]] = expression
        return
    if step.ports > 1:
        targets = [
            _fresh(values, index, f"{'abcdefgh'[p]}" if step.ports <= 8 else f"part{p}")
            for p in range(step.ports)
        ]
        for ref, target in zip(refs, targets, strict=True):
            values.text[ref] = target
        lines.append(f"{', '.join(targets)} = {expression}")
        return
    name = _name(values, index, step, operands)
    lines.append(f"{name} = {expression}")
    values.text[refs[0]] = name


def _inlined(values: _Values, steps: list[Step], index: int, expression: str, step: Step) -> bool:
    """Whether a value is written into the only expression that reads it."""
    ref = (index, 0)
    if values.reads.get(ref, 0) != 1 or step.training:
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
            if word not in alive_names and word not in ("self", "if", "else", "dim", "draw"):
                return word
    return _fresh(values, index, "y")


def _fresh(values: _Values, index: int, wanted: str) -> str:
    alive = {t for r, t in values.text.items() if values.last.get(r, -1) > index or r[0] == index}
    words = {w for t in alive for w in re.findall(r"[A-Za-z_]\w*", t)}
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
