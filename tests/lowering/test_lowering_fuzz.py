"""Files of the zoo with something changed are lowered, or refused at a place in a file."""

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from blockdsl.diagnostics import ArchError
from blockdsl.ir import verify
from blockdsl.lowering import lower
from blockdsl.lowering.choices import refuse
from blockdsl.lowering.network import Lowering
from blockdsl.parser import parse
from blockdsl.source import Source

ZOO = Path(__file__).parents[2] / "zoo"
NAMES = ("lenet5", "alexnet", "googlenet", "resnet18", "squeezenet1_0")
FILES = {f"{name}.arch": (ZOO / f"{name}.arch").read_text(encoding="utf-8") for name in NAMES}
WORDS = [
    "0", "1", "2.5", "-3", "64", "1..4", "yes", '"same"', "in", "in.c", "c", "x", "if", "for", "",
    "RELU", "CONV(8,3)", "CONV", "SPLIT(2)", "SUM", "[ID, ID]", "{1, 2}", "(1, 2)", "AUX(a, GAP)",
    "+", "-", "*", "|", "?", "(", "]", ",",
]  # fmt: skip

_TOKEN = re.compile(r'"[^"\n]*"|#[^\n]*|\w+|[^\w\s]')


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, str]:
    """Name and text of a file in which one to three words or signs are others, doubled, or gone."""
    name, text = draw(st.sampled_from(sorted(FILES.items())))
    for _ in range(draw(st.integers(1, 3))):
        tokens = [token for token in _TOKEN.finditer(text) if token[0][0] != "#"]
        token = draw(st.sampled_from(tokens))
        new = draw(
            st.one_of(
                st.sampled_from(WORDS), st.just(token[0] * 2), st.sampled_from(tokens).map(lambda t: t[0])
            )
        )
        text = text[: token.start()] + new + text[token.end() :]
    return name, text


def refused(source: Source, *, first_only: bool) -> ArchError | None:
    lowering = Lowering(refuse)
    lowering.errors.first_only = first_only
    try:
        verify(lower(parse(source), lowering=lowering).graph)
    except ArchError as wrong:
        return wrong
    return None


@settings(max_examples=150)
@given(changed())
def test_a_graph_or_places(file: tuple[str, str]):
    name, text = file
    source = Source(name, text, folder=str(ZOO))
    wrong, first = refused(source, first_only=False), refused(source, first_only=True)
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
