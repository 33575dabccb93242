"""Random syntax trees without spans of their own, and random ways to write a text down."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes

NOWHERE = Span(Source("nowhere", ""), 0, 0)
NAMES = st.sampled_from(["a", "b", "c", "conv", "RELU", "s2", "stage", "width_of_all_layers", "FC"])


def _several(
    items: st.SearchStrategy[nodes.Expr], least: int = 2
) -> st.SearchStrategy[tuple[nodes.Expr, ...]]:
    return st.lists(items, min_size=least, max_size=least + 3).map(tuple)


numbers = st.one_of(
    st.integers(-(10**12), 10**12),
    st.floats(1e-12, 1e12),
    st.floats(-1e3, -1e-12),
)
_atoms = st.one_of(
    st.builds(nodes.Number, st.just(NOWHERE), numbers),
    st.builds(nodes.String, st.just(NOWHERE), st.text("abc #(,é", max_size=6)),
    st.builds(nodes.Bool, st.just(NOWHERE), st.booleans()),
    st.builds(
        nodes.Dims,
        st.just(NOWHERE),
        st.lists(st.integers(0, 512), min_size=2, max_size=4).map(tuple),
        st.sampled_from(["", "", "signal"]),
    ),
    NAMES.map(lambda name: nodes.Path(NOWHERE, (nodes.Step(NOWHERE, name),))),
    NAMES.map(lambda name: nodes.Path(NOWHERE, (nodes.Step(NOWHERE, "in"), nodes.Step(NOWHERE, name)))),
)


_names = st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple)


def _larger(inner: st.SearchStrategy[nodes.Expr]) -> st.SearchStrategy[nodes.Expr]:
    span = st.just(NOWHERE)
    args = st.lists(st.builds(nodes.Arg, span, st.none() | NAMES, inner), max_size=4).map(tuple)
    indices = st.lists(inner | st.builds(nodes.Slice, span, inner, st.none() | inner), max_size=2).map(tuple)
    steps = st.lists(st.builds(nodes.Step, span, NAMES, indices), min_size=1, max_size=3).map(tuple)
    operators = st.sampled_from(["or", "and", "==", "!=", "<=", ">=", "<", ">", "//", "/", "%", "**"])
    return st.one_of(
        st.builds(nodes.Path, span, steps),
        st.builds(nodes.Call, span, NAMES, args),
        st.builds(nodes.Label, span, NAMES, inner),
        st.builds(nodes.Optional, span, inner),
        st.builds(nodes.Chain, span, _several(inner)),
        st.builds(nodes.Sum, span, _several(inner)),
        st.builds(nodes.Concat, span, _several(inner)),
        st.builds(nodes.Product, span, _several(inner)),
        st.builds(nodes.Binary, span, operators, inner, inner),
        st.builds(nodes.Unary, span, st.sampled_from(["-", "not"]), inner),
        st.builds(nodes.If, span, inner, inner, inner),
        st.builds(nodes.For, span, inner, _names, inner, st.none() | inner),
        st.builds(nodes.ListOf, span, _several(inner, 0)),
        st.builds(nodes.TupleOf, span, _several(inner, 1)),
        st.builds(nodes.Group, span, inner),
        st.builds(nodes.Choice, span, _several(inner, 1)),
        st.builds(nodes.RangeChoice, span, inner, inner, st.none() | inner, st.booleans()),
    )


expressions = st.recursive(_atoms, _larger, max_leaves=25)

_span = st.just(NOWHERE)
_params = st.lists(st.builds(nodes.Param, _span, NAMES, st.none() | expressions), max_size=3).map(tuple)
_let = st.one_of(
    st.builds(nodes.Let, _span, NAMES.map(lambda name: (name,)), _params, expressions),
    st.builds(nodes.Let, _span, _names, st.none(), expressions),
    st.builds(nodes.Let, _span, NAMES.map(lambda name: (name,)), st.none(), expressions, st.just(True)),
)
_lets = st.lists(_let, max_size=2).map(tuple)
_bodies = st.builds(nodes.Body, _span, _lets, expressions)
_strings = st.builds(nodes.String, _span, st.text("abc #", max_size=8))
_whole = st.builds(nodes.Number, _span, st.integers(0, 3000))
_items = st.one_of(
    st.builds(nodes.Objective, _span, st.sampled_from(["maximize", "minimize"]), expressions),
    st.builds(nodes.Require, _span, expressions),
)
_metas = st.sampled_from(["title", "authors", "paper", "dataset", "note"])
_settings = st.builds(nodes.Setting, _span, NAMES | st.just("loss.p3"), expressions)
_statements = st.one_of(
    st.builds(nodes.Meta, _span, _metas, st.tuples(_strings)),
    st.builds(nodes.Meta, _span, st.just("year"), st.tuples(_whole)),
    st.builds(nodes.Meta, _span, st.just("error"), st.tuples(_whole, _strings)),
    st.builds(nodes.Use, _span, _strings),
    st.builds(
        nodes.Input,
        _span,
        st.builds(nodes.Dims, _span, st.just((3, 8, 8))),
        st.none() | NAMES,
        st.sampled_from(["", "signal", "volume"]),
    ),
    st.builds(nodes.Param, _span, NAMES, st.none() | expressions),
    _let,
    st.builds(nodes.Block, _span, NAMES, _params, _bodies),
    st.builds(nodes.Net, _span, _bodies),
    st.builds(nodes.Check, _span, expressions),
    st.builds(
        nodes.Train,
        _span,
        st.lists(st.builds(nodes.Setting, _span, NAMES | st.just("loss.p3"), expressions), max_size=3).map(
            tuple
        ),
    ),
    st.builds(nodes.Search, _span, st.lists(_items, max_size=3).map(tuple)),
)
_bare = st.builds(nodes.Net, _span, st.builds(nodes.Body, _span, st.just(()), expressions), st.just(False))
files = st.builds(
    lambda bare, statements: nodes.File(NOWHERE, (*bare, *statements)),
    st.lists(_bare, max_size=1),
    st.lists(_statements, min_size=1, max_size=4),
)

_TOKEN = re.compile(
    r'\s+|#[^\n]*|"[^"\n]*"|[A-Za-z_]\w*[(\[]?|\d+(?:x\d+)+\b|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?[kMG]?\b'
    r"|\]\[|\.\.|//|\*\*|[=!<>]=|."
)
_GAPS = st.sampled_from(["", " ", "\n", "\n\n\n", " \t ", "\r\n    "])
_COMMENTS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", " ", "\n", "\n   "]),
    st.sampled_from(["#", "# note", "#!  two  ", "# ) # ("]),
    st.sampled_from(["\n", "\n\n"]),
)


@st.composite
def written(draw: st.DrawFn, text: str) -> str:
    """A text with other white space between its tokens, and comments thrown in anywhere."""
    tokens = [token for token in _TOKEN.findall(text) if not token.startswith("#")]
    places = st.integers(0, len(tokens) - 1)
    for at, comment in draw(st.lists(st.tuples(places, _COMMENTS), max_size=20)):
        tokens[at] += comment
    for at, gap in draw(st.lists(st.tuples(places, _GAPS), max_size=20)):
        if tokens[at].isspace():
            tokens[at] = gap or " "
        elif not tokens[at].endswith(("(", "[")):
            tokens[at] += gap
    return "".join(tokens)
