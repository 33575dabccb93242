"""The page: one file that needs no network, and whose data are those of the summary."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

import blockdsl
from blockdsl.render import draw
from blockdsl.resources import find_source
from blockdsl.syntax.parser import parse


class Page(HTMLParser):
    """What a browser would load, and the page's parts by id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.data = ""
        self._inside = False
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.loads += [value for name, value in attributes if name in ("src", "href") and value]
        self.ids.add(given.get("id") or "")
        self._inside = given.get("id") == "network"
        if tag not in ("meta", "input", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._inside = False

    def handle_data(self, data: str) -> None:
        self.data += data if self._inside else ""


def page(name: str) -> Page:
    return Page(draw(parse(find_source(name)), "html").data.decode())


@pytest.fixture(scope="module")
def resnet() -> dict[str, Any]:
    return json.loads(page("resnet50").data)  # type: ignore[no-any-return]


def test_the_page_is_one_file_and_whole() -> None:
    built = page("resnet50")
    assert built.loads == []
    assert built.open == []
    assert {"graph", "sources", "search", "tip", "network"} <= built.ids


def test_the_licence_of_what_is_inside_is_there() -> None:
    text = draw(parse(find_source("lenet5")), "html").data.decode()
    assert "Permission is hereby granted, free of charge" in text
    assert "Copyright (c) 2012-2014 Chris Pettitt" in text


@pytest.mark.parametrize(
    "name", ["resnet50", "googlenet", "densenet121", "fractalnet_20", "mobilenet_v3_small"]
)
def test_the_data_are_those_of_the_summary(name: str) -> None:
    boxes = json.loads(page(name).data)["boxes"]
    summary = blockdsl.load(name).summary()
    for whole in ([b for b in boxes if b["parent"] is None], [b for b in boxes if not b["block"]]):
        assert sum(box["params"] for box in whole) == summary.params
        assert sum(box["macs"] for box in whole if not box["training"]) == summary.macs
    by_name = {layer.name: layer for layer in summary.layers}
    for box in boxes:
        if not box["block"] and box["instances"] == 1 and box["name"] in by_name:
            assert box["params"] >= by_name[box["name"]].params
            assert box["text"].split("(")[0].split("-")[0] in {layer.op for layer in summary.layers}


def test_facts_of_one_layer(resnet: dict[str, Any]) -> None:
    (box,) = [box for box in resnet["boxes"] if box["name"] == "stage2.unit1.conv2.conv1"]
    assert (box["shape"], box["params"], box["macs"]) == (
        "128×28×28",
        128 * 128 * 9 + 2 * 128,
        128 * 128 * 9 * 784,
    )
    # He et al.'s network sees 7 pixels after the first convolution; Araujo et al. 2019, equation 2, by hand:
    # stem 7, pool 11, stage 1 adds 3 * 8, the strided 1x1 nothing, this 3x3 2 * 8 pixels more.
    assert box["field"] == "51 of 224 pixels"
    assert box["text"] == "CONV(128,3,pad=1,bias=no)-BN-RELU"


def test_spans_point_to_what_was_written(resnet: dict[str, Any]) -> None:
    sources, spans = resnet["sources"], resnet["spans"]

    def written(index: int) -> str:
        source, begin, end = spans[index]
        return str(sources[source]["text"][begin:end])

    boxes = {box["name"]: box for box in resnet["boxes"]}
    assert written(boxes["stage2"]["spans"][0]) == "stage(bottleneck,128,4,s=2)"
    assert written(boxes["fc1"]["spans"][0]) == "FC(classes)"
    chain = [written(span) for span in boxes["stage2.unit2.conv2.conv1"]["spans"]]
    assert chain == [
        "CONV(c, k, stride=s, pad=k//2, bias=no)",
        "conv(c,3)",
        "unit(c)",
        "stage(bottleneck,128,4,s=2)",
    ]
    assert [source["name"] for source in sources] == ["resnet50.arch", "residual.arch"]


def test_a_source_cannot_break_out_of_the_page() -> None:
    from blockdsl.source import Source

    text = 'title "</script><img src=x>"\ninput 4\nnet FC(2) # </script>\n'
    built = Page(draw(parse(Source("x.arch", text)), "html").data.decode())
    assert json.loads(built.data)["sources"][0]["text"] == text
    assert built.loads == []
    assert built.open == []
