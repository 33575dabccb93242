"""The gallery shows every network of the zoo, with its numbers, in pictures that are there and whole."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

import blockdsl
from blockdsl.resources import names

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "gallery.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", names("zoo"))
def test_the_zoo_is_in_the_gallery(name: str) -> None:
    assert f'<img src="images/{name}.svg"' in PAGE, "run docs/gallery.py"
    assert f"### {blockdsl.load(name).title}\n\n`{name}`" in PAGE
    picture = ElementTree.parse(DOCS / "images" / f"{name}.svg")
    texts = {"".join(text.itertext()) for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    # Two blanks in a row are one in a picture.
    assert " ".join(blockdsl.load(name).title.split()) in texts


def test_the_chart_is_there() -> None:
    picture = ElementTree.parse(DOCS / "images" / "complexity.svg")
    texts = {"".join(text.itertext()).strip() for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {"alexnet", "vgg19", "googlenet", "resnet152", "inception_v4"} <= texts
    assert "top-1 accuracy [%], as published" in texts
