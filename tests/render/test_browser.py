"""The page in headless Chromium: clicks open and close, hovering tells facts, both sides find each other.

Run by `make test-browser`, which needs Chromium and its driver on the machine.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from blockdsl.render import Options, draw
from blockdsl.resources import find_source
from blockdsl.syntax.parser import parse
from tests.looking import open_chromium

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    with open_chromium(1500, 950) as driver:
        yield driver


@pytest.fixture
def browser(chromium: Chrome, tmp_path: Path) -> Iterator[Chrome]:
    page = tmp_path / "net.html"
    page.write_bytes(draw(parse(find_source("resnet50")), "html", Options(depth=1)).data)
    chromium.get(page.as_uri())
    yield chromium
    assert chromium.get_log("browser") == []


def boxes(browser: Chrome, text: str = "", kind: str = "box") -> list[WebElement]:
    found = browser.find_elements(By.CSS_SELECTOR, f".{kind}")
    return [e for e in found if text in " ".join(str(e.get_property("textContent")).split())]


def marked(browser: Chrome) -> str:
    return "".join(e.text for e in browser.find_elements(By.CSS_SELECTOR, ".here"))


def test_a_click_opens_and_closes_a_block(browser: Chrome) -> None:
    before = len(boxes(browser))
    boxes(browser, "bottleneck ×3")[0].click()
    assert len(boxes(browser)) == before - 1 + 4
    assert len(boxes(browser, "bottleneck ×3", "frame")) == 1
    boxes(browser, "bottleneck ×3", "frame")[0].find_element(By.TAG_NAME, "text").click()
    assert len(boxes(browser)) == before


def test_hovering_tells_the_facts(browser: Chrome) -> None:
    ActionChains(browser).move_to_element(boxes(browser, "7×7 conv, 64")[0]).perform()
    told = browser.find_element(By.ID, "tip").text
    for fact in (
        "stem1.conv1.conv1",
        "64×112×112",
        "9,536",
        "118,013,952",
        "7 of 224 pixels",
        "residual.arch, line 3",
    ):
        assert fact in told


def test_a_click_on_a_box_marks_its_source(browser: Chrome) -> None:
    boxes(browser, "3×3 max pool")[0].click()
    assert marked(browser) == "POOL(3,s2,p1)"


def test_a_click_on_the_source_finds_the_box(browser: Chrome) -> None:
    pieces = browser.find_elements(By.CSS_SELECTOR, ".text [data-spans]")
    next(p for p in pieces if p.text == "stage(bottleneck,256,6,s=2)").click()
    assert [e.text.splitlines()[0] for e in browser.find_elements(By.CSS_SELECTOR, ".frame.selected")] == [
        "− stage 3"
    ]


def test_search_finds_what_is_folded_away(browser: Chrome) -> None:
    search = browser.find_element(By.ID, "search")
    search.send_keys("stage4.unit2.conv2")
    assert browser.find_element(By.ID, "found").text == "1 found"
    assert len(boxes(browser, "3×3 conv, 512")) == 0
    search.send_keys(Keys.ENTER)
    assert len(boxes(browser, "3×3 conv, 512")) == 1


def test_the_wheel_zooms_and_dragging_pans(browser: Chrome) -> None:
    def place() -> str:
        return browser.find_element(By.ID, "world").get_attribute("transform") or ""

    start, graph = place(), browser.find_element(By.ID, "graph")
    browser.execute_script(
        "arguments[0].dispatchEvent(new WheelEvent('wheel', {deltaY: -300, clientX: 300, clientY: 300}))",
        graph,
    )
    zoomed = place()
    assert float(zoomed.split("scale(")[1][:-1]) > float(start.split("scale(")[1][:-1])
    ActionChains(browser).move_to_element_with_offset(graph, -400, 0).click_and_hold().move_by_offset(
        60, 40
    ).release().perform()
    assert place() != zoomed
    assert place().split("scale")[1] == zoomed.split("scale")[1]


def test_all_blocks_open_and_close(browser: Chrome) -> None:
    browser.find_element(By.ID, "open-all").click()
    assert boxes(browser, "+ ") == []
    browser.find_element(By.ID, "close-all").click()
    assert len(boxes(browser)) == 9  # input, stem, four stages, pooling, the last layer, output
