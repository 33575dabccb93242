"""Operations of the user's: what registration refuses, and mistakes in their methods."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import blockdsl
from blockdsl.ops import all_operations
from blockdsl.ops.conv import Conv
from blockdsl.ops.core import Operation, Shape
from blockdsl.ops.registry import check_word, operation, unregister

RESERVED = sorted(name for name in dir(Operation) if not name.startswith("__"))


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    unregister("MINE")


@pytest.mark.parametrize("field", RESERVED)
def test_an_argument_called_like_something_of_the_base_is_refused(field: str) -> None:
    cls = type("Mine", (Operation,), {"__annotations__": {field: int}, field: 3, "__module__": __name__})
    with pytest.raises(ValueError, match=f"^MINE: no argument can be called {field}, which has a meaning"):
        operation("MINE")(cls)


def register(**methods: Any) -> None:
    operation("MINE")(type("Mine", (Operation,), {**methods, "__module__": __name__}))


def refused() -> blockdsl.ArchError:
    with pytest.raises(blockdsl.ArchError) as caught:
        blockdsl.parse("input 3x8x8 net RELU-MINE-RELU").summary()
    return caught.value


@pytest.mark.parametrize(
    "method", ["shape", "shapes", "weights", "buffers", "macs", "window", "drawn", "is_identity"]
)
def test_a_method_that_raises_is_named_with_its_error(method: str) -> None:
    def broken(self: Operation, *inputs: Shape) -> Any:
        return {}["no such key"]

    register(**{method: broken})
    problem = refused()
    named = "shape" if method == "shapes" else method
    assert f"{named}() of MINE raised KeyError: 'no such key'" in str(problem)
    assert "<text>:1:22" in str(problem)
    assert isinstance(problem.__cause__, KeyError)


def test_a_check_that_raises_is_named_with_its_error() -> None:
    register(check=lambda self: 1 / 0)
    assert "check() of MINE raised ZeroDivisionError: division by zero" in str(refused())


@pytest.mark.parametrize(
    "shape", [None, 3, [3, 8, 8], (3, 8.0, 8), (3, 0, 8), (3, -1), "3x8x8", (True,)], ids=str
)
def test_a_shape_that_is_none_is_shown(shape: Any) -> None:
    register(shape=lambda self, *inputs: shape)
    assert f"shape() of MINE returned {shape!r}" in str(refused())


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("weights", [("w", (3,))]),
        ("weights", {"w": 3}),
        ("buffers", {"b": (0,)}),
        ("macs", 1.5),
        ("macs", -1),
    ],
)
def test_other_answers_of_no_use_are_shown(method: str, value: Any) -> None:
    register(**{method: lambda self, *inputs: value})
    assert f"{method}() of MINE returned {value!r}" in str(refused())


@pytest.mark.parametrize("word", ["{depth} layers", "{0}", "{}", "scaled by {by.real}", "{by:.2f}", "{by!r}"])
def test_a_word_mentions_arguments_alone(word: str) -> None:
    with pytest.raises(ValueError, match=r"^MINE: the word .* mentions .*; it can mention by, channels$"):
        register(word=word, by=1.0, __annotations__={"by": float})


def test_aliases_are_a_tuple() -> None:
    with pytest.raises(ValueError, match=r"^MINE: aliases is a tuple of names, not 'mine'$"):
        register(aliases="mine")


def test_every_word_of_a_built_in_operation_mentions_arguments_alone() -> None:
    for kind in all_operations().values():
        check_word(kind)


CLASSES = """
import pickle, sys
from blockdsl.ops.conv import Conv, DepthwiseConv
loaded = pickle.loads(bytes.fromhex(sys.argv[1]))  # the first instance in this process
assert loaded == Conv(8, (3, 3)) and hash(loaded) == hash(Conv(8, (3, 3))), loaded
assert loaded != Conv(9, (3, 3))
class Mine(DepthwiseConv):
    pass
assert Mine((3, 3)).kernel == (3, 3) and list(Mine.arguments)[0] == "kernel"
try:
    loaded.channels = 3
except AttributeError:
    print("frozen")
"""


def test_a_class_is_a_frozen_dataclass_whatever_uses_it_first() -> None:
    data = pickle.dumps(Conv(8, (3, 3))).hex()
    done = subprocess.run([sys.executable, "-c", CLASSES, data], capture_output=True, text=True, check=True)
    assert done.stdout == "frozen\n"


def test_a_class_keeps_a_constructor_of_its_own() -> None:
    class Mine(Operation):
        by: float = 1.0

        def __init__(self, percent: int) -> None:
            object.__setattr__(self, "by", percent / 100)

    made = operation("MINE")(Mine)(50)
    assert made.by == 0.5 and made == Mine(50) and made != Mine(60)
