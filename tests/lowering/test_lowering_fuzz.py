"""Files of the zoo with something changed are lowered, or refused at a place in a file."""

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from blockdsl.diagnostics import ArchError, Errors
from blockdsl.lowering import lower
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from blockdsl.syntax.tree import File
from blockdsl.verifier import verify

ZOO = Path(__file__).parents[2] / "zoo"
NAMES = ("lenet5", "alexnet", "googlenet", "resnet18", "squeezenet1_0")
FILES = {f"{name}.arch": (ZOO / f"{name}.arch").read_text(encoding="utf-8") for name in NAMES}
OPERANDS = [
    "0", "1", "2.5", "64", "yes", '"same"', "in", "in.c", "c", "x", "RELU", "CONV(8,3)", "CONV", "SPLIT(2)",
    "SUM", "[ID, ID]", "{1, 2}", "(1, 2)", "AUX(a, GAP)", "(RELU)?",
]  # fmt: skip
SIGNS = ["+", "-", "*", "|", "==", ",", "(", "]", ""]

_TOKEN = re.compile(r'"[^"\n]*"|#[^\n]*|\w+|[^\w\s]')


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, str]:
    """Name and text of a file in which one to three words or signs are others."""
    name, text = draw(st.sampled_from(sorted(FILES.items())))
    for _ in range(draw(st.integers(1, 3))):
        tokens = [token for token in _TOKEN.finditer(text) if token[0][0] != "#"]
        token = draw(st.sampled_from(tokens))
        alike = [other[0] for other in tokens if other[0].isidentifier() == token[0].isidentifier()]
        new = draw(st.sampled_from([*alike, *(OPERANDS if token[0][0].isalnum() else SIGNS)]))
        text = text[: token.start()] + new + text[token.end() :]
    return name, text


def refused(file: File, *, first_only: bool) -> ArchError | None:
    try:
        verify(lower(file, errors=Errors(first_only=first_only)).graph)
    except ArchError as wrong:
        return wrong
    return None


@settings(max_examples=50)
@given(changed())
def test_a_graph_or_places(named: tuple[str, str]):
    name, text = named
    try:
        file = parse(Source(name, text, folder=str(ZOO)))
    except ArchError:
        return  # tests/parser has these
    wrong, first = refused(file, first_only=False), refused(file, first_only=True)
    assert (wrong is None) == (first is None)
    if wrong is None or first is None:
        return
    assert set(first.diagnostics) <= set(wrong.diagnostics)  # the first error is told in any case
    assert len(wrong.diagnostics) > 0
    for diagnostic in wrong.diagnostics:
        assert diagnostic.message
        assert diagnostic.marks
        for mark in diagnostic.marks:
            assert 0 <= mark.span.start < mark.span.end <= len(mark.span.source.text)
    places = [diagnostic.marks[0].span for diagnostic in wrong.diagnostics]
    assert len(set(places)) == len(places)
