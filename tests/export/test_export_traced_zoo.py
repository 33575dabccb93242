"""A network of each family of the zoo as pt2 and as ONNX."""

from pathlib import Path

import pytest

from tests.export.tracing import agree, zoo
from tests.families import FIRST

NAMES = sorted(FIRST)
GROUPS = 8


@pytest.mark.long
@pytest.mark.parametrize("group", range(GROUPS))
def test_zoo_traced(group: int, tmp_path: Path) -> None:
    agree(zoo(NAMES[group::GROUPS]), tmp_path)
