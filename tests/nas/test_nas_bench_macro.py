"""The space of NAS-Bench-Macro against what its authors publish and what can be counted by hand.

The rows are those of github.com/xiusu/NAS-Bench-Macro (Apache-2.0), data/nas-bench-macro_cifar10.json:
a digit for each layer, parameters, MACs.
"""

import pytest

from blockdsl.diagnostics import ArchError
from blockdsl.space import Space
from blockdsl.space.counting import count

ROWS = {
    "00000000": (387_882, 7_713_280),
    "22222222": (2_932_586, 105_660_928),
    "11111111": (1_588_874, 53_246_464),
    "01201201": (1_283_434, 46_109_184),
    "10210210": (1_264_650, 43_790_848),
    "20020101": (1_152_362, 42_318_336),
    "22212220": (1_985_514, 85_164_544),
}


@pytest.fixture(scope="module")
def space() -> Space:
    return Space.load("nas_bench_macro")


@pytest.mark.parametrize("digits", ROWS)
def test_rows_of_the_table(space: Space, digits: str) -> None:
    paths = list(space.first().assignment)
    found = space.bind({path: int(digit) for path, digit in zip(paths, digits, strict=True)}).summary
    assert (found.params, found.macs) == ROWS[digits]


def test_there_are_three_options_for_eight_layers(space: Space) -> None:
    assert count(space).number == 3**8


def test_an_identity_is_the_same_wherever_it_stands_in_a_stage(space: Space) -> None:
    paths = list(space.first().assignment)

    def identity(digits: str) -> str:
        return space.bind({path: int(digit) for path, digit in zip(paths, digits, strict=True)}).identity

    assert identity("11101111") == identity("11110111")
    assert identity("11101111") != identity("11011111")  # the first of a stage is a projection
    assert identity("11102111") == identity("11120111") != identity("11112011")


@pytest.mark.long
def test_distinct_networks(space: Space) -> None:
    """A stage of n layers has 3 first ones, and after it any sequence of two kinds of 0 to n-1 layers.

    Stage of 2: 3*(1+2) = 9; stages of 3: 3*(1+2+4) = 21; together 9*21*21 = 3969.
    """
    hashes = set()
    for candidate in space.enumerate():
        assert not isinstance(candidate, ArchError)
        hashes.add(candidate.identity)
    assert len(hashes) == 9 * 21 * 21
