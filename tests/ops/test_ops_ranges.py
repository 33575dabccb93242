"""The ranges of numeric arguments: of operations, of the terms of a `train` section, of its settings."""

from math import inf, nan, nextafter

import pytest

import blockdsl
from blockdsl.diagnostics import ArchError
from blockdsl.ops import all_operations
from blockdsl.ops.core import Argument
from blockdsl.ops.values import Range, count, real, whole
from blockdsl.recipe import Recipe, terms_of

TERMS = [term for role in Recipe.roles.values() for term in terms_of(role).values()]
ARGUMENTS: dict[str, Argument] = {
    f"{declared.name}.{argument.name}": argument
    for declared in (*all_operations().values(), *TERMS)
    for argument in declared.arguments.values()
} | {f"train.{name}": argument for name, argument in Recipe.arguments.items()}
RANGES = {name: a.convert for name, a in ARGUMENTS.items() if isinstance(a.convert, Range)}


def takes(convert: object, value: float) -> bool:
    assert callable(convert)
    try:
        return bool(convert(value) == value)
    except ValueError as refused:
        assert str(refused).startswith("takes ")
        return False


def test_every_number_with_a_range_is_held_to_it() -> None:
    assert {"BN.eps", "LRN.k", "LRN.alpha", "DROPOUT.p", "adam.beta1", "adamw.beta2", "normal.std"} <= set(
        RANGES
    )
    for name, held in RANGES.items():
        low, high = held.open
        assert takes(held, held.least) is not low, name
        assert takes(held, nextafter(held.least, inf)), name
        assert not takes(held, nextafter(held.least, -inf)), name
        if held.most == inf:
            assert takes(held, 1e300), name
        else:
            assert takes(held, held.most) is not high, name
            assert takes(held, nextafter(held.most, -inf)), name
            assert not takes(held, nextafter(held.most, inf)), name
        assert not takes(held, True), name


def test_defaults_are_in_their_ranges() -> None:
    for name, argument in ARGUMENTS.items():
        if not argument.required and argument.default is not None and isinstance(argument.convert, Range):
            assert takes(argument.convert, argument.default), name


def test_no_argument_takes_what_is_no_finite_number() -> None:
    numeric = [
        name
        for name, a in ARGUMENTS.items()
        if isinstance(a.convert, Range) or a.convert in (real, count, whole)
    ]
    assert len(numeric) > 80
    for name, argument in ARGUMENTS.items():
        for value in (nan, inf, -inf):
            assert not takes(argument.convert, value), name


INPUT = "input 3x8x8\n"
TRAIN = "\ntrain\n  optimizer = "


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("net LRN(k=-1)", "k of LRN takes a number, 0 or more, not -1", "-1"),
        ("net LRN(5, -1e-4)", "alpha of LRN takes a number, 0 or more", "-1e-4"),
        ("net BN(eps=-1)", "eps of BN takes a number, 0 or more, not -1", "-1"),
        ("net BN(momentum=1.1)", "momentum of BN takes a number from 0 to 1, not 1.1", "1.1"),
        ("net SOFTPLUS(0)", "beta of SOFTPLUS takes a number above 0, not 0", "0"),
        ("net NOISE(-0.1)", "std of NOISE takes a number, 0 or more", "-0.1"),
        ("net SSHRINK(-1)", "threshold of SSHRINK takes a number, 0 or more", "-1"),
        ("net LPPOOL(0,2)", "norm of LPPOOL takes a number above 0, not 0", "0"),
        ("net HTANH(low=1,high=1)", "the low and the high of HTANH are equal", "high=1"),
        ("net AUX(a, GAP-FLATTEN-FC(2), weight=-0.3)-GAP", "weight of AUX takes a number, 0 or more", "-0.3"),
        (f"net RELU{TRAIN}adam(beta1=1)", "beta1 of adam takes a number, 0 or more and below 1", "1"),
        (
            f"net RELU{TRAIN}adamw(beta2=1)",
            "beta2 of adamw takes a number, 0 or more and below 1",
            "1",
        ),
    ],
)
def test_the_argument_is_pointed_at(text: str, words: str, marked: str) -> None:
    with pytest.raises(ArchError) as caught:
        blockdsl.parse(INPUT + text).summary()
    assert words in caught.value.diagnostic.message
    assert caught.value.diagnostic.marks[0].span.text == marked


@pytest.mark.parametrize(
    "text",
    [
        "LRN(k=0)",
        "RRELU(0.2,0.2)",
        "CELU(-1)",
        "ELU(0)",
        "HSHRINK(0)",
        "DROPOUT(1)",
        "BN(eps=0)",
        "SCALE(-1)",
    ],
)
def test_what_torch_takes_is_taken(text: str) -> None:
    assert blockdsl.parse(f"{INPUT}net {text}").summary().params >= 0
