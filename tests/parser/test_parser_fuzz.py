"""Whatever is typed, the parser answers with a tree or with a message."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from blockdsl.diagnostics import ArchError
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from blockdsl.syntax.tree import File
from tests.parser.examples import PAGE

_PIECES = [
    "net", "block", "let", "check", "train", "search", "maximize", "require", "title", "year", "input",
    "param", "use", "if", "then", "else", "not", "and", "or", "for", "in", "step", "log", "yes",
    "a", "in.c", "f(", "d[", "CONV(3)", "3x4", "1..", "1e-4", "500k", '"t"', '"', "#", "# c\n", "\n",
    "(", ")", "[", "]", "{", "}", ",", ":", "=", "==", "<", "-", "+", "*", "**", "//", "|", "?", ".", "..",
    "−", "×", "\0", "\u200b", "\r", "é",
]  # fmt: skip

any_text = st.text(max_size=60)
word_salad = st.lists(st.sampled_from(_PIECES), max_size=25).map(" ".join)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """An example of the language page, with a few stretches deleted, doubled or overwritten."""
    text = draw(st.sampled_from(sorted(PAGE.values())))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        put = draw(st.one_of(st.sampled_from(_PIECES), st.just(""), st.just(text[start:end] * 2), any_text))
        text = text[:start] + put + text[end:]
    return text


@settings(max_examples=300)
@given(st.one_of(any_text, word_salad, mutated()))
def test_a_tree_or_a_message(text: str) -> None:
    try:
        assert isinstance(parse(Source("x.arch", text)), File)
    except ArchError as error:
        assert all(part.startswith("error[") for part in str(error).split("\n\n")[: len(error.diagnostics)])
        spans = [diagnostic.marks[0].span for diagnostic in error.diagnostics if diagnostic.marks]
        assert len(spans) == len(error.diagnostics) or text.isspace() or len(error.diagnostics) == 1
        assert all(0 <= span.start < span.end <= len(text) for span in spans)
        assert spans == sorted(set(spans), key=lambda span: span.start)
