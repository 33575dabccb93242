"""Writes docs/gallery.md and its pictures from the zoo: `python docs/gallery.py [NAME…]`.

With names only their pictures are drawn anew. Layout depends a little on the fonts of the machine, so no
test holds the pictures to the letter; one holds the page to the zoo.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import blockdsl
from blockdsl.formatting import count_text
from blockdsl.render.scene import scene
from blockdsl.render.view import view
from blockdsl.resources import names

PAGE = Path(__file__).with_name("gallery.md")
IMAGES = Path(__file__).with_name("images")
MOST_BOXES = 24

LARGE: dict[str, dict[str, object]] = {
    "lenet5": {},
    "alexnet": {},
    "inception_module_reduced": {},
    "resnet50": {"depth": 0, "opened": ("stage[2]",)},
    "densenet121": {"depth": 0, "opened": ("dense[1]", "transition[1]")},
    "fractalnet_20": {"depth": 0, "opened": ("fractal_block[1]",)},
}
"""The figures for a lecture, and what is open in them."""

CHART = (
    "alexnet", "zfnet", "overfeat_accurate", "vgg16", "vgg19", "googlenet", "inception_v3", "inception_v4",
    "squeezenet1_0", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
)  # fmt: skip

HEAD = """# Gallery

<!-- Written by docs/gallery.py from the zoo; do not edit by hand. -->

Every picture is one command: `blockdsl render NAME -o NAME.svg`. Colours tell the kind of layer, a double
border a block that is repeated, dashes what runs in training only. `--depth` and `--open` show what is
inside of blocks, `--by params` tints by cost, and `-o NAME.html` is a page to explore.
"""


def draw(name: str) -> None:
    """One network's picture."""
    network = blockdsl.load(name)
    options = LARGE.get(name)
    if options is None:
        options = {"depth": next(d for d in (2, 1, 0) if d == 0 or boxes(network, d) <= MOST_BOXES)}
    svg = network.picture("svg", **options).decode()
    (IMAGES / f"{name}.svg").write_text(compact(svg), encoding="utf-8")


def boxes(network: blockdsl.Architecture, depth: int) -> int:
    """How many boxes a picture of that depth has."""
    return len(view(scene(network.ir), depth).boxes)


def compact(svg: str) -> str:
    """A picture without what no reader of it needs: the comments, the titles of its parts."""
    svg = re.sub(r"<!--.*?-->\n?", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r"<title>.*?</title>\n?", "", svg, flags=re.DOTALL)
    return re.sub(r"</?a\b[^>]*>\n?", "", svg.replace(' xml:space="preserve"', ""))


def complexity() -> None:
    """The chart of the lecture notes: accuracy over operations, the area being the parameters."""
    (IMAGES / "complexity.svg").write_bytes(blockdsl.compare(*CHART).chart(metric="top-1"))


def page() -> str:
    """The page: the figures of the lecture, the chart, then all others by name."""
    parts = [HEAD, "## Figures for a lecture\n"]
    parts += [section(name, large=True) for name in LARGE]
    parts.append(
        "## Complexity\n\n"
        f"`blockdsl compare {' '.join(CHART)} --error top-1 -o complexity.svg`, with the counts of the files "
        "and the published errors that stand in them; what each of these measured is in the table that the "
        "command prints.\n\n![Accuracy over operations](images/complexity.svg)\n"
    )
    parts.append("## All networks of the zoo\n")
    parts += [section(name, large=False) for name in names("zoo") if name not in LARGE]
    return "\n".join(parts)


def section(name: str, *, large: bool) -> str:
    """A heading, the costs, the picture; a picture that is not large is shown on demand."""
    network = blockdsl.load(name)
    summary, meta = network.summary(), network.program.meta
    facts = f"{meta.year or ''} · {count_text(summary.params)} parameters · {count_text(summary.macs)} MACs"
    image = f'<img src="images/{name}.svg" alt="{network.title}">'
    head = f"### {network.title}\n\n`{name}` · {facts.removeprefix(' · ')}\n"
    if large:
        return f"{head}\n`blockdsl render {name}{words(name)} -o {name}.svg`\n\n{image}\n"
    return f"{head}\n<details><summary>picture</summary>\n\n{image}\n\n</details>\n"


def words(name: str) -> str:
    """The options of a large picture as the command line has them."""
    options = LARGE[name]
    depth = f" --depth {options['depth']}" if "depth" in options else ""
    opened = options.get("opened", ())
    assert isinstance(opened, tuple)
    return depth + "".join(f" --open '{block}'" for block in opened)


def main(asked: list[str]) -> None:
    """Draw what is asked for, or everything, and write the page."""
    IMAGES.mkdir(exist_ok=True)
    for name in asked or names("zoo"):
        draw(name)
    if not asked:
        complexity()
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
