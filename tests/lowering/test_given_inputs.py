"""Inputs whose names and shapes are given from outside."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import blockdsl
from blockdsl.space import Space
from tests.lowering.lowered import message

TWO = "input image = 3x8x8\ninput time = 4\nnet image*(time-FC(3)-IMAGE(1x1))"


def test_a_text_without_input_lines_has_those_that_are_given() -> None:
    given: dict[str, Any] = {"image": (3, 6, 6), "time": (2,)}
    text = "net image*(time-FC(3)-IMAGE(1x1))"
    assert blockdsl.parse(text, input=given).inputs == given
    assert Space.parse(f"{text}-CONV({{4, 8}},1)", input=given).first().choices == {"conv[1].channels": "4"}
    with pytest.raises(blockdsl.ArchError, match="unknown name tim"):
        blockdsl.parse("net image*(tim-FC(3)-IMAGE(1x1))", input=given)


def test_a_name_that_no_input_has() -> None:
    assert message(TWO, input={"image": (3, 8, 8), "tim": (4,)}) == (
        "error[input]: the network has no input tim\n  help: did you mean time?"
    )
    assert message(TWO, input={"mask": (4,)}) == (
        "error[input]: the network has no input mask\n  help: it has image, time"
    )


def test_one_shape_for_several_inputs() -> None:
    assert message(TWO, input=(3, 8, 8)) == (
        "error[input]: one shape was given, and the network has 2 inputs: image, time\n"
        "  help: give it by name: --input image=3x64x64, in Python input={'image': (3, 64, 64)}"
    )


def test_an_input_that_is_not_given_to_the_module() -> None:
    module, image, time = blockdsl.parse(TWO).module(), torch.zeros(1, 3, 8, 8), torch.zeros(1, 4)
    known = "; the inputs are 'image' (N, 3, 8, 8), 'time' (N, 4)"
    with pytest.raises(TypeError) as missing:
        module(image)
    assert str(missing.value) == f"forward() missing 1 required positional argument: 'time'{known}"
    with pytest.raises(TypeError) as unknown:
        module(image, tim=time)
    assert str(unknown.value) == f"forward() got an unexpected keyword argument 'tim'{known}"
