"""docs/idioms.md is true: every example is a network whose checks hold and that runs."""

import re
from pathlib import Path

import pytest

import blockdsl
from blockdsl.codegen import check_module
from tests.fenced import Example, examples

PAGE = Path(__file__).parent.parent / "docs" / "idioms.md"
EXAMPLES = examples(PAGE)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_runs_and_its_checks_hold(example: Example) -> None:
    network = blockdsl.parse(example.text)
    assert network.check() >= 1
    check_module(network.ir, network.module())


def test_every_idiom_has_an_example_and_stands_in_the_contents() -> None:
    text = PAGE.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert [example.heading for example in EXAMPLES] == headings
    linked = re.findall(r"\[([^]]*)\]\(#([^)]*)\)", text)
    assert linked == [(heading, heading.lower().replace(" ", "-")) for heading in headings]
