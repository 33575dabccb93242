"""The import lines of a written file stand as isort has them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from blockdsl.export.python.imports import import_lines

LINES = [
    set(),
    {"from abc import abstractmethod", "from abc import ABC"},
    {"from math import sqrt", "import math", "import os", "from math import pi as PI"},
    {"import numpy as np", "from torch.autograd import Function", "import functools"},
    {"from collections.abc import Callable", "from collections import OrderedDict, defaultdict"},
    {f"from thing.of.somebody import a_very_long_name_of_the_number_{i}" for i in range(4)},
]


@pytest.mark.parametrize("lines", LINES, ids=range(len(LINES)))
@pytest.mark.parametrize(
    "text",
    ["class A(nn.Module):\n    pass\n", "def f(x: Tensor) -> Tensor:\n    return F.relu(torch.ones(nn))\n"],
)
def test_as_isort(lines: set[str], text: str) -> None:
    written = f"{import_lines(text, lines)}\n\n\n{text}"
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--select=I", "--no-cache"], ["format", "--check"]):
        run = subprocess.run(
            [*ruff, *command, "--isolated", "--line-length=100", "-"],
            input=written,
            text=True,
            capture_output=True,
        )
        assert run.returncode == 0, run.stdout + run.stderr + written
    for line in lines:
        assert all(name in written for name in line.split("import")[1].replace(",", " ").split())
