"""Operations of users whose classes, helpers and fields are called as something else in the written file."""

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import blockdsl
from blockdsl import layers
from blockdsl.export.python import python_source
from blockdsl.export.python.scopes import module_names
from blockdsl.ops import all_operations, unregister
from tests.export.running import agree, run_files

CLASSES = sorted(
    line.split()[1].partition("(")[0].strip(":")
    for file in Path(layers.__path__[0]).glob("*.py")
    for line in file.read_text(encoding="utf-8").splitlines()
    if line.startswith("class ")
)
"""The classes of our layers; the written file has forms of its own for some: `x + y`, `factor * x`."""

TAKEN = ["F", "nn", "torch", "Tensor", "Network", "Unit", "Sequential", "Linear", "list", "model", "draw"]
"""What a written file binds or uses otherwise."""

FIELDS = [
    "x",
    "i",
    "torch",
    "nn",
    "F",
    "Tensor",
    "print",
    "list",
    "type",
    "id",
    "match",
    "draw",
    "classes",
    "c",
]

HEAD = """
import functools
import math as {helper}
import torch as t
import torch.nn.functional as {alias}
from torch import Tensor as T
from torch import nn as layers

from blockdsl import ModuleSpec, Operation, operation

_half = Scale_ = {constant}


@functools.cache
def pi(times: int) -> float:
    return times * {helper}.pi


def Sum_(x: T, more: float) -> T:
    return {alias}.relu(x) * pi(2) + more
"""
ONE = """

class {name}(layers.Linear):
    def __init__(self, features: int, {field}: float = 1.5) -> None:
        super({name}, self).__init__(features, features)
        self.features, self.{field} = features, {field}

    def forward(self, input: T) -> T:
        return Sum_(super().forward(input), _half) + {number} * self.{field} - t.tanh(input)


@operation("{op}")
class Operation{number}(Operation):
    {field}: float = 1.5

    def weights(self, *inputs):
        return {{"weight": (inputs[0][0], inputs[0][0]), "bias": inputs[0]}}

    def spec(self, *inputs):
        return ModuleSpec({name}, features=inputs[0][0], {field}=self.{field})
"""


def written(folder: Path, module: str, names: list[str], **head: object) -> list[str]:
    """A module with a class and an operation for each name; the operations as they are used."""
    text, uses = HEAD.format(**head), []
    for number, name in enumerate(names):
        field = [f for f in FIELDS if f != name][number % (len(FIELDS) - 1)]
        op = f"{module.upper()}{'ABCDEFGHIJ'[number // 10]}{number % 10}"
        text += ONE.format(name=name, field=field, op=op, number=number)
        uses.append(f"{op}({field}={number / 4 + 0.1:.2f})")
    (folder / f"{module}.py").write_text(text, encoding="utf-8")
    importlib.import_module(module)
    return uses


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    known = set(all_operations())
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(all_operations()) - known:
        unregister(name)
    for module in ("mine", "other"):
        sys.modules.pop(module, None)


OURS_TOO = "SCALE(2)-DROPPATH(0.5)-SWISH-(ID + RELU)-MEAN(ID, ABS, drop=0.5)-MUL(ID, RELU)-LAYERSCALE"


def test_classes_of_users_that_are_called_as_something_else(folder: Path) -> None:
    """Of two modules, with helpers of the same names that do different things; run without blockdsl."""
    mine = written(folder, "mine", CLASSES, helper="F_", alias="F", constant=0.5)
    other = written(folder, "other", [*CLASSES[:20], *TAKEN], helper="Tokens", alias="Scale", constant=-0.25)
    assert len(CLASSES) > 40 and not {"Tokens", "Scale"} & {*CLASSES[:20]}
    nets = {}
    for number, (first, uses) in enumerate(
        [("mine", mine[:25]), ("mine", mine[25:]), ("other", other), ("both", [*mine[:6], *other[:6]])]
    ):
        text = "-BN-".join(uses)
        net = blockdsl.parse(
            f"input 3\nblock unit(c) = FC(c)-{uses[0]}-{OURS_TOO}\nnet unit(4)-FC(4)-{text}-FC(2)"
        )
        source = agree(net)
        assert "blockdsl" not in source
        nets[f"net{number}_{first}"] = net
    (folder / "written").mkdir()
    run_files(nets, (), folder / "written")


def test_a_class_keeps_its_name_where_nothing_else_has_it(folder: Path) -> None:
    (use,) = written(folder, "mine", ["Unheard"], helper="maths", alias="functional", constant=1)
    source = python_source(blockdsl.parse(f"input 4\nnet {use}").program)
    assert "class Unheard(layers.Linear):" in source
    assert "import torch.nn.functional as functional" in source
    assert source.count("import torch as t\n") == 1


MENTIONED = """
import torch
import torch.nn.functional as F
from torch import nn

from blockdsl import ModuleSpec, Operation, operation


class Chosen(nn.Module):
    def forward(self, x):
        return getattr(F, "relu")(x) if isinstance(x, torch.Tensor) else x


@operation("CHOSEN")
class ChosenOperation(Operation):
    def spec(self, *inputs):
        return ModuleSpec(Chosen)
"""


def test_what_is_mentioned_without_a_function_of_it_is_imported(folder: Path) -> None:
    (folder / "mine.py").write_text(MENTIONED, encoding="utf-8")
    importlib.import_module("mine")
    agree(blockdsl.parse("input 4\nnet FC(4)-CHOSEN"))


LOCAL = """
from torch import nn

from blockdsl import ModuleSpec, Operation, operation


def made():
    class Inner(nn.Identity):
        pass

    return Inner


@operation("LOCALONE")
class Local(Operation):
    def spec(self, *inputs):
        return ModuleSpec(made())

"""


def test_a_class_made_in_a_function_is_refused(folder: Path) -> None:
    (folder / "mine.py").write_text(LOCAL, encoding="utf-8")
    importlib.import_module("mine")
    with pytest.raises(blockdsl.ArchError, match="the source of mine is not at hand"):
        python_source(blockdsl.parse("input 4\nnet FC(4)-LOCALONE").program)


SCOPES = """
class Sum(Cat):
    Mul: Take = Max
    Mean = Mul

    def forward(self, x: Scale, Max=Scale) -> Tokens:
        def inner(Scale):
            return Scale + Max
        for Affine in x:
            Tokens = Mul[Affine]
        import Cat
        lambda Pad: Pad + Shift, Cat, Sum, {Mul: Flip for Flip, (Mul, _) in Mean}
        return [Take + Crop for Take in Take]

    @Branch(Sum)
    def other(self):
        global Max
        Max = Scale.Sum
        try:
            pass
        except Tokens as Scale:
            pass
"""


def test_names_of_the_module_are_told_from_others() -> None:
    (node,) = ast.parse(SCOPES).body
    lines: dict[int, list[str]] = {}
    for name in module_names(node):
        lines.setdefault(name.lineno, []).append(name.id)
    assert {line: sorted(names) for line, names in lines.items()} == {
        2: ["Cat"],
        3: ["Max", "Take"],
        6: ["Scale", "Scale", "Tokens"],
        10: ["Mul"],
        12: ["Mean", "Shift", "Sum"],
        13: ["Crop", "Take"],
        15: ["Branch", "Sum"],
        18: ["Max"],
        21: ["Tokens"],
    }
