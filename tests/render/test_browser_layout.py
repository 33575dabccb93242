"""The page on a phone and on a laptop, light and dark: nothing overflows, texts can be read, Fit fits.

Run by `make test-browser`, which needs Chromium and its driver on the machine.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By

from blockdsl.render import Options, draw
from blockdsl.resources import find_source
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from tests.looking import SCHEMES, WINDOWS, faint, forget, open_chromium, overflow, show

pytestmark = pytest.mark.browser

NETS = ("lenet5", "googlenet", "resnet50")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    with open_chromium(1280, 900) as driver:
        yield driver
        assert driver.get_log("browser") == []


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {name: folder / f"{name}.html" for name in NETS}
    for name, page in made.items():
        page.write_bytes(draw(parse(find_source(name)), "html", Options()).data)
    return made


@pytest.fixture(params=[(n, w, s) for n in NETS for w in WINDOWS for s in SCHEMES], ids=str)
def browser(chromium: Chrome, pages: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[Chrome]:
    name, window, scheme = request.param
    show(chromium, pages[name], window, scheme)
    yield chromium
    forget(chromium)


def rect(browser: Chrome, selector: str) -> dict[str, float]:
    """Where an element is in the window; of a group of the drawing, its first rectangle."""
    found: dict[str, float] = browser.execute_script(
        "const found = document.querySelector(arguments[0]);"
        "return (found.tagName === 'g' && found.id !== 'world' ? found.querySelector('rect') : found)"
        ".getBoundingClientRect().toJSON()",
        selector,
    )
    return found


def inside(inner: dict[str, float], outer: dict[str, float]) -> bool:
    return (
        inner["left"] >= outer["left"] - 0.5
        and inner["right"] <= outer["right"] + 0.5
        and inner["top"] >= outer["top"] - 0.5
        and inner["bottom"] <= outer["bottom"] + 0.5
    )


def apart(one: dict[str, float], other: dict[str, float]) -> bool:
    return (
        one["right"] <= other["left"]
        or other["right"] <= one["left"]
        or one["bottom"] <= other["top"]
        or other["bottom"] <= one["top"]
    )


def window_of(browser: Chrome) -> dict[str, float]:
    wide, high = browser.execute_script("return [window.innerWidth, window.innerHeight]")
    return {"left": 0, "top": 0, "right": wide, "bottom": high}


def seen(box: dict[str, float], frame: dict[str, float]) -> dict[str, float]:
    """The part of a box that is not clipped."""
    return {
        "left": max(box["left"], frame["left"]), "right": min(box["right"], frame["right"]),
        "top": max(box["top"], frame["top"]), "bottom": min(box["bottom"], frame["bottom"]),
    }  # fmt: skip


def test_nothing_overflows_and_all_controls_are_in_the_window(browser: Chrome) -> None:
    assert overflow(browser) == 0
    for selector in ("h1", "#search", "#open-all", "#close-all", "#fit", "#graph", "#sources"):
        assert inside(rect(browser, selector), window_of(browser)), selector
    drawing, view = rect(browser, "#world"), rect(browser, "#graph")
    assert drawing["left"] >= view["left"] and drawing["right"] <= view["right"]


def test_all_texts_can_be_read(browser: Chrome) -> None:
    browser.find_element(By.ID, "open-all").click()
    browser.find_element(By.CSS_SELECTOR, "#fit").click()
    boxes = browser.find_elements(By.CSS_SELECTOR, ".box[data-box]")
    ActionChains(browser).move_to_element(boxes[len(boxes) // 2]).click().perform()
    assert browser.find_element(By.ID, "tip").is_displayed()
    assert browser.find_elements(By.CSS_SELECTOR, ".here")
    assert faint(browser) == []


def test_fit_shows_all_and_keeps_doing_so(browser: Chrome) -> None:
    def fits() -> bool:
        return inside(rect(browser, "#world"), rect(browser, "#graph"))

    browser.find_element(By.ID, "fit").click()
    assert fits()
    browser.find_element(By.ID, "open-all").click()
    assert fits()
    boxes = browser.find_elements(By.CSS_SELECTOR, ".frame > text")
    if boxes:
        browser.execute_script(
            "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", boxes[0]
        )
        assert fits()
    for wide, high in ((700, 500), (1600, 1000), (320, 640)):
        metrics = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 50))")
        assert window_of(browser)["right"] == wide
        assert fits()
        assert overflow(browser) == 0


def test_a_tip_covers_neither_what_was_opened_nor_leaves_the_window(browser: Chrome) -> None:
    browser.find_element(By.ID, "fit").click()
    count = len(browser.find_elements(By.CSS_SELECTOR, ".box[data-box]"))
    for number in range(0, count, max(1, count // 6)):
        boxes = browser.find_elements(By.CSS_SELECTOR, ".box[data-box]")
        if number >= len(boxes):
            break
        index = boxes[number].get_attribute("data-box")
        ActionChains(browser).move_to_element(boxes[number]).click().perform()
        tip, view = rect(browser, "#tip"), rect(browser, "#graph")
        assert browser.find_element(By.ID, "tip").get_attribute("data-about") == index
        assert inside(tip, window_of(browser))
        assert apart(tip, seen(rect(browser, f'[data-box="{index}"]'), view))


def test_a_tap_tells_the_facts_and_leaves_them_there(chromium: Chrome, pages: dict[str, Path]) -> None:
    show(chromium, pages["resnet50"], WINDOWS[0], "light")
    chromium.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        box = rect(chromium, ".box[data-box='2']")
        point = {"x": (box["left"] + box["right"]) / 2, "y": (box["top"] + box["bottom"]) / 2}
        chromium.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        chromium.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        chromium.execute_async_script("setTimeout(arguments[0], 400)")
        tip = chromium.find_element(By.ID, "tip")
        assert tip.is_displayed()
        assert tip.get_attribute("data-about") == "2"
        assert apart(rect(chromium, "#tip"), rect(chromium, "[data-box='2']"))
    finally:
        chromium.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
        forget(chromium)


@pytest.mark.parametrize("body", ["SPLIT(2)-SUM", "SPLIT(4)-CAT", "POOL(2)-[ID,ID,ID]-CAT-SPLIT(3)-MUL"])
def test_the_page_draws_an_arrow_for_each_input(chromium: Chrome, tmp_path: Path, body: str) -> None:
    page = tmp_path / "net.html"
    text = f"input 12x8x8\n\n{body}\n"
    page.write_bytes(draw(parse(Source("net.arch", text)), "html", Options(detail=True)).data)
    chromium.get(page.as_uri())
    paths: list[Any] = chromium.execute_script(
        "return [...document.querySelectorAll('.arrow path')].map((path) => path.getAttribute('d'))"
    )
    inputs = {"SPLIT(2)-SUM": 1 + 2, "SPLIT(4)-CAT": 1 + 4}.get(body, 1 + 3 + 1 + 3)
    assert len(paths) == inputs + 1  # and one to the output
    assert max(Counter(paths).values()) == 1, "two arrows lie upon each other"


Point = tuple[float, float]


def touch(browser: Chrome, kind: str, **fingers: Point) -> None:
    """A touch event of these fingers (`touchEnd`: those lifted, or all), and a frame's time to see it."""
    points = [{"x": x, "y": y, "id": ord(name)} for name, (x, y) in fingers.items()]
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def drawn_at(browser: Chrome, point: Point) -> Point:
    """The point of the drawing that lies at a point of the screen."""
    x, y = browser.execute_script(
        "const p = new DOMPoint(...arguments)"
        ".matrixTransform(document.getElementById('world').getScreenCTM().inverse()); return [p.x, p.y]",
        *point,
    )
    return x, y


def scale(browser: Chrome) -> float:
    factor: float = browser.execute_script("return document.getElementById('world').getScreenCTM().a")
    return factor


def test_two_fingers_zoom_around_the_point_between_them(chromium: Chrome, pages: dict[str, Path]) -> None:
    """Both fingers keep what is under them; one finger pans; the page itself is not zoomed; nothing opens."""
    show(chromium, pages["resnet50"], WINDOWS[0], "light")
    chromium.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    try:
        before, opened = scale(chromium), len(chromium.find_elements(By.CSS_SELECTOR, ".frame"))
        # One finger pans, then a second one comes and both move apart.
        a, b = (110.0, 120.0), (210.0, 230.0)
        held = drawn_at(chromium, a)
        touch(chromium, "touchStart", a=a)
        for part in (1, 2, 3, 4):
            a = (110.0 + 10 * part, 120.0 + 7.5 * part)
            touch(chromium, "touchMove", a=a)
        assert drawn_at(chromium, a) == pytest.approx(held, abs=1 / before)
        under = [drawn_at(chromium, point) for point in (a, b)]
        touch(chromium, "touchStart", a=a, b=b)
        for part in (1, 2, 3, 4):  # from 100 pixels apart to 200, the second one moving further
            a, b = (150 - 2.5 * part, 150 - 5 * part), (210 + 12.5 * part, 230 + 15 * part)
            touch(chromium, "touchMove", a=a, b=b)
        assert scale(chromium) == pytest.approx(2 * before, rel=0.01)
        for point, was in zip((a, b), under, strict=True):
            assert drawn_at(chromium, point) == pytest.approx(was, abs=1 / before)

        # One finger is lifted: the drawing does not jump, and goes on following the other one.
        zoomed, held = scale(chromium), drawn_at(chromium, b)
        touch(chromium, "touchEnd", a=a)
        b = (b[0] - 40, b[1] + 30)
        touch(chromium, "touchMove", b=b)
        touch(chromium, "touchEnd")
        assert scale(chromium) == zoomed
        assert drawn_at(chromium, b) == pytest.approx(held, abs=1 / zoomed)

        touch(chromium, "touchStart", a=(100, 150), b=(300, 150))
        touch(chromium, "touchMove", a=(150, 150), b=(250, 150))
        touch(chromium, "touchEnd")
        assert scale(chromium) == pytest.approx(zoomed / 2, rel=0.01)
        assert chromium.execute_script("return [visualViewport.scale, scrollX, scrollY]") == [1, 0, 0]
        assert len(chromium.find_elements(By.CSS_SELECTOR, ".frame")) == opened
        assert not chromium.find_element(By.ID, "tip").is_displayed()
    finally:
        chromium.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
        forget(chromium)
