"""Every network of the zoo as pt2 and as ONNX."""

from pathlib import Path

import pytest

from blockdsl.resources import names
from tests.export.tracing import agree, zoo

NAMES = names("zoo")
GROUPS = 16


@pytest.mark.long
@pytest.mark.parametrize("group", range(GROUPS))
def test_zoo_traced(group: int, tmp_path: Path) -> None:
    agree(zoo(NAMES[group::GROUPS]), tmp_path)
