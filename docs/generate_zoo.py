"""Writes docs/zoo.md from the files of the zoo: `python docs/generate_zoo.py`.

A test holds the page to what this script would write.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import blockdsl
from blockdsl.architecture import Architecture
from blockdsl.formatting import count_text, ports_text
from blockdsl.resources import names

PAGE = Path(__file__).with_name("zoo.md")

HEAD = """# The zoo

<!-- Written by docs/generate_zoo.py from the files; do not edit by hand. -->

Every name works wherever a FILE does: `blockdsl compile alexnet`, `blockdsl.load("alexnet")`;
`blockdsl zoo NAME` shows the file. Multiply-accumulates are of one sample of the given size at test
time; parameters are all that an optimizer gets, auxiliary heads included. Each file says where its
paper, the lecture notes and common implementations disagree; [the proof](zoo_proof.md) holds each
against an independent implementation. A published error stands with what was measured and who
published it; `(recalled)` marks one that was not compared with a second text.
"""


def page() -> str:
    """The whole page: a table for each year."""
    years: dict[int, list[tuple[str, Architecture]]] = defaultdict(list)
    for name in names("zoo"):
        network = blockdsl.load(name)
        years[network.program.meta.year or 0].append((name, network))
    parts = [HEAD]
    for year, networks in sorted(years.items()):
        parts.append(f"\n## {year}\n\n| network | | input | parameters | MACs | published error |\n")
        parts.append("| --- | --- | --- | ---: | ---: | --- |\n")
        parts += [_row(name, network) for name, network in networks]
        parts.append("\n" + "".join(f"- {paper}\n" for paper in _papers(networks)))
    return "".join(parts)


def _row(name: str, network: Architecture) -> str:
    summary, meta = network.summary(), network.program.meta
    error = f"{meta.errors[0][0]:g} {meta.errors[0][1]}" if meta.errors else ""
    cells = [
        f"[`{name}`](../zoo/{name}.arch)",
        meta.title,
        ports_text(network.inputs),
        count_text(summary.params),
        count_text(summary.macs),
        error,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _papers(networks: list[tuple[str, Architecture]]) -> list[str]:
    """The papers of a year, each once, with their authors."""
    metas = [network.program.meta for _, network in networks]
    return sorted({f"{meta.authors}: {meta.paper}" for meta in metas})


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name}: {len(names('zoo'))} networks\n")
