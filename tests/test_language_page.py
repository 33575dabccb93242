"""docs/language.md is true: its examples run, its messages are those that come, its lists are complete."""

import importlib.util
import re
from pathlib import Path

import pytest

from blockdsl.analysis import run_checks
from blockdsl.diagnostics import ArchError
from blockdsl.lowering import ChoicePoint, Options, arithmetic, budget, builder, calls, evaluator, lower
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from blockdsl.syntax.parser.errors import MAX_NESTING
from blockdsl.syntax.parser.recovery import KEYWORDS
from tests.fenced import Example, examples

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "language.md").read_text(encoding="utf-8")
PAGE = examples(DOCS / "language.md")


def first_of(point: ChoicePoint) -> int | float:
    return 0 if isinstance(point.domain, Options) else point.domain.low


@pytest.mark.parametrize("example", [e for e in PAGE if not e.kind], ids=str)
def test_an_example_lowers_and_its_checks_hold(example: Example):
    file = parse(Source("mynet.arch", example.text))
    shape = None if re.search(r"^input ", example.text, re.MULTILINE) else (3, 32, 32)
    if "CONV(96,11,s4)" in example.text:
        shape = (3, 227, 227)
    choices = {"choose": first_of} if "## Choices" in f"## {example.heading}" else {}
    run_checks(lower(file, input=shape, **choices))


@pytest.mark.parametrize("example", [e for e in PAGE if e.kind == "error"], ids=str)
def test_a_message_is_the_one_that_is_shown(example: Example):
    with pytest.raises(ArchError) as refused:
        lower(parse(Source("mynet.arch", example.text)))
    assert str(refused.value) == example.message


def test_the_first_cell_takes_the_stem_twice_and_not_the_raw_input():
    """A cell's two inputs are what the cells before it yield; of the first cell both are the stem."""
    (example,) = [e for e in PAGE if "block cells(prev" in e.text]
    graph = lower(parse(Source("mynet.arch", example.text)), input=(3, 32, 32)).graph
    assert [layer.name for layer in graph.layers() if 0 in {v.node for v in layer.inputs}] == ["conv1"]
    stem = graph.points["conv1"].node
    cells = [layer for layer in graph.layers() if layer.operation.name == "SUM"]
    assert len(cells) == 3
    made_by = [[graph.layer(graph.layer(v.node).inputs[0].node).name for v in c.inputs] for c in cells]
    first, second, third = made_by
    assert first == [graph.layer(stem).name] * 2
    assert second == [cells[0].name, graph.layer(stem).name]
    assert third == [cells[1].name, cells[0].name]


def test_there_are_examples_of_every_part():
    headings = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    without = {"One idea", "Operators", "Spelling", "Limits"}
    assert {e.heading for e in PAGE} >= set(headings) - without


def test_choice_paths_are_those_of_the_page():
    (space,) = [e for e in PAGE if e.heading == "Choices" and not e.kind]
    asked: list[str] = []

    def choose(point: ChoicePoint) -> int | float:
        asked.append(point.path)
        return first_of(point)

    lower(parse(Source("mynet.arch", space.text)), input=(3, 32, 32), choose=choose)
    told = re.search(r"here (`w`.*?)\. One that", TEXT, re.DOTALL)
    assert told is not None
    assert set(re.findall(r"`([^`]*)`", told[1])) <= set(asked)


def test_every_function_of_numbers_is_described():
    table = TEXT[TEXT.index("| function |") : TEXT.index("`let name(…) = …` is a function")]
    assert {name for name in arithmetic.FUNCTIONS if f"`{name}(" not in table} == set()


def test_every_word_that_begins_a_line_is_listed():
    words = TEXT[TEXT.index("The words that begin a line") :]
    assert [word for word in KEYWORDS if f"`{word}`" not in words] == []


def test_the_limits_are_those_of_the_code():
    limits = TEXT[TEXT.index("## Limits") :]
    for number in (
        builder.MAX_LAYERS,
        budget.MAX_ITEMS,
        budget.MAX_STEPS,
        calls.MAX_DEPTH,
        MAX_NESTING,
    ):
        assert f" {number:,}" in limits
    assert f"lists {evaluator.MAX_LIST_DEPTH} deep" in limits
    assert builder.MAX_NUMBERS == 10**12
    assert arithmetic.LIMIT == 10**18


def test_the_page_of_operations_is_up_to_date():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    assert page == generate.page(), "run: python docs/generate.py"


def test_links_to_headings_lead_somewhere():
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", TEXT, re.M)
    }
    linked = set(re.findall(r"\]\(#([^)]*)\)", TEXT))
    assert linked <= anchors
