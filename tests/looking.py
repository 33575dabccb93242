"""What tests of pages look at in a browser: window sizes, colour schemes, overflow, contrast."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

WINDOWS = ((390, 844), (1280, 800))
"""A phone and a laptop."""
SCHEMES = ("light", "dark")


@contextmanager
def open_chromium(width: int, height: int, *logs: str) -> Iterator[Chrome]:
    """A headless browser with a window of that size, which keeps its console's log and the logs named."""
    options = ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", dict.fromkeys(("browser", *logs), "ALL"))
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def show(browser: Chrome, page: Path, window: tuple[int, int], scheme: str) -> None:
    """Open a page in a window of that size, with that colour scheme preferred."""
    wide, high = window
    metrics = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": wide < 700}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    preferred = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)
    browser.get(page.as_uri())


def forget(browser: Chrome) -> None:
    """Undo what `show` set."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def overflow(browser: Chrome) -> int:
    """How many pixels wider the document is than its window."""
    wide: int = browser.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wide


def faint(browser: Chrome, least: float = 4.5) -> list[Any]:
    """Texts of less contrast than `least` (WCAG 2.1, 1.4.3): the contrast, the text, both colours."""
    found: list[Any] = browser.execute_script(_FAINT, least)
    return found


_FAINT = """
const least = arguments[0];
const parts = (colour) => {
  const numbers = colour.match(/[\\d.]+/g).map(Number);
  return colour.startsWith("rgb") ? [...numbers.slice(0, 3), numbers[3] ?? 1] : null;
};
const over = (upper, lower) => lower.map((below, i) => upper[i] * upper[3] + below * (1 - upper[3]));
const luminance = (colour) => {
  const [r, g, b] = colour.map((c) => c / 255).map(
    (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  );
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const covers = (rect, { left, right, top, bottom }) => {
  const area = rect.getBoundingClientRect();
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  return area.left <= x && x <= area.right && area.top <= y && y <= area.bottom;
};
function ground(element) {
  const place = element.getBoundingClientRect();
  const layers = [];
  for (let part = element; part; part = part.parentElement) {
    const style = getComputedStyle(part);
    // In a drawing a text stands on the rectangle under it that was drawn last in its group.
    const shapes = part.namespaceURI.endsWith("svg") && part.tagName === "g" ? [...part.children] : [];
    const rect = shapes.filter((child) => child.tagName === "rect" && covers(child, place)).pop();
    if (rect) {
      const look = getComputedStyle(rect);
      const fill = parts(look.fill);
      if (fill) layers.push([fill[0], fill[1], fill[2], fill[3] * Number(look.fillOpacity)]);
    }
    if (part.namespaceURI.endsWith("xhtml")) layers.push(parts(style.backgroundColor));
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return layers.reverse().reduce((lower, upper) => over(upper, lower), dark ? [18, 18, 18] : [255, 255, 255]);
}
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim();
  const element = walker.currentNode.parentElement;
  if (!text || ["SCRIPT", "STYLE"].includes(element.tagName.toUpperCase())) continue;
  if (!element.getClientRects().length) continue;
  const style = getComputedStyle(element);
  const drawn = element.namespaceURI.endsWith("svg");
  const ink = parts(drawn ? style.fill : style.color);
  if (drawn) ink[3] *= Number(style.fillOpacity);
  const below = ground(element);
  const measured = contrast(over(ink, below), below);
  if (measured < least) {
    found.push([measured.toFixed(2), text.slice(0, 40), ink.join(), below.map(Math.round).join()]);
  }
}
return found;
"""
