"""The report in headless Chromium: charts are drawn, answer to the mouse, and nothing is asked of a network.

Run by `make test-browser`, which needs Chromium and its driver on the machine.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from blockdsl.nas.report import report
from tests.looking import SCHEMES, WINDOWS, faint, forget, open_chromium, overflow, show
from tests.nas.studies import CHAIN, candidates, filled, options_of, study_of
from tests.nas.test_effects import additive

pytestmark = pytest.mark.browser

SECONDS = 60


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    with open_chromium(1400, 1000, "performance") as driver:
        yield driver


@pytest.fixture(params=["light", "dark"])
def browser(chromium: Chrome, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Chrome]:
    study, space = study_of(CHAIN)
    filled(study, candidates(space), additive)
    page = tmp_path / "report.html"
    page.write_text(report(study, tmp_path), encoding="utf-8")
    scheme = {"features": [{"name": "prefers-color-scheme", "value": request.param}]}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    chromium.get(page.as_uri())
    WebDriverWait(chromium, SECONDS).until(
        lambda b: b.find_element(By.TAG_NAME, "body").get_attribute("data-drawn") == "5"
    )
    yield chromium
    assert chromium.get_log("browser") == []
    asked = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
    assert {url.partition(":")[0] for url in urls} <= {"file", "data"}


def test_the_front_is_drawn_with_all_its_networks(browser: Chrome) -> None:
    _, space = study_of(CHAIN)
    best = [
        o for c in candidates(space) if (o := options_of(c))["shortcut"] == "yes" and o["third"] == "GELU"
    ]
    names = browser.find_elements(By.CSS_SELECTOR, "#front .legendtext")
    assert [n.get_attribute("data-unformatted") for n in names] == ["measured", "front", "start"]
    traces = browser.find_elements(By.CSS_SELECTOR, "#front .trace.scatter")
    points = [len(t.find_elements(By.CSS_SELECTOR, ".point")) for t in traces]
    assert sorted(points) == [0, 1, len(best), 24 - len(best)]  # the first is the line


def test_pointing_at_a_network_tells_its_choices(browser: Chrome) -> None:
    traces = browser.find_elements(By.CSS_SELECTOR, "#front .trace.scatter")
    front = next(t for t in traces if len(t.find_elements(By.CSS_SELECTOR, ".point")) == 3)
    ActionChains(browser).move_to_element(front.find_elements(By.CSS_SELECTOR, ".point")[0]).perform()
    WebDriverWait(browser, SECONDS).until(
        lambda b: "shortcut = yes" in b.find_element(By.CSS_SELECTOR, "#front .hoverlayer").text
    )
    told = browser.find_element(By.CSS_SELECTOR, "#front .hoverlayer").text
    for fact in ("trial ", "accuracy ", "params ", "third = GELU"):
        assert fact in told
    # A ring in every chart of networks: the front, and the progress of both objectives.
    rings = "return linked.map((chart) => chart.data.at(-1).x.length)"
    WebDriverWait(browser, SECONDS).until(lambda b: sorted(b.execute_script(rings)) == [0, 1, 1, 1])


def test_pictures_are_there_and_grow(browser: Chrome) -> None:
    loaded = (
        "return [...document.querySelectorAll('.picture img')].map((i) => (i.scrollIntoView(), i.decode()))"
    )
    browser.execute_async_script(
        f"{loaded.replace('return', 'const all =')}; Promise.all(all).then(arguments[0])"
    )
    heights = browser.execute_script(
        "return [...document.querySelectorAll('.picture img')].map((i) => i.naturalHeight)"
    )
    assert len(heights) == 4
    assert min(heights) > 100
    picture = browser.find_element(By.CSS_SELECTOR, ".winner .picture")
    picture.click()
    large = browser.find_element(By.ID, "large")
    assert large.is_displayed()
    large.click()
    assert not large.is_displayed()


def test_words_can_be_read_on_their_ground(browser: Chrome) -> None:
    """The contrast of text and page is at least 7 to 1 (WCAG 2.1, 1.4.6), in light and in dark."""
    colours = browser.execute_script(
        "const s = getComputedStyle(document.body), t = document.querySelector('#front .xtick text');"
        "return [s.color, s.backgroundColor, getComputedStyle(t).fill]"
    )
    ink, ground, ticks = (_luminance(colour) for colour in colours)
    for words in (ink, ticks):
        assert (max(words, ground) + 0.05) / (min(words, ground) + 0.05) >= 7


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_phone_and_a_laptop_show_it_without_overflow_and_readable(
    chromium: Chrome, tmp_path: Path, window: tuple[int, int], scheme: str
) -> None:
    study, space = study_of(CHAIN)
    filled(study, candidates(space), additive)
    page = tmp_path / "report.html"
    page.write_text(report(study, tmp_path), encoding="utf-8")
    show(chromium, page, window, scheme)
    WebDriverWait(chromium, SECONDS).until(
        lambda b: b.find_element(By.TAG_NAME, "body").get_attribute("data-drawn") == "5"
    )
    for part in chromium.find_elements(By.CSS_SELECTOR, "details:not([open]) > summary"):
        part.click()
    assert overflow(chromium) == 0
    # On a phone what stands in a row of a table stands in several lines: nothing is to be scrolled sideways.
    for kind in ("plain", "worth", "trials"):
        table = chromium.find_element(By.CSS_SELECTOR, f"table.{kind}")
        assert int(table.get_property("scrollWidth")) <= int(table.get_property("clientWidth")), kind
    axes = chromium.find_elements(By.CSS_SELECTOR, ".xtick text, .ytick text, .xtitle, .ytitle, .legendtext")
    assert len(axes) > 20 and all(element.is_displayed() for element in axes)
    assert faint(chromium) == []  # the charts' axes and legends too
    forget(chromium)
