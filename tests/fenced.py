"""The fenced examples of a Markdown page: ```arch blocks, and the ```text block that follows one.

```arch            a file (or an expression) that lowers without an error
```arch error      one that is refused with the message in the next ```text block
```arch blocks     definitions alone, to be used by another file: it parses
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(arch[a-z ]*|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """An example, the heading it stands under, and where a message belongs to it, that message."""

    heading: str
    line: int
    kind: str
    text: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.line}: {self.heading}"


def examples(page: Path) -> list[Example]:
    """The `arch` examples of a page in order."""
    text = page.read_text(encoding="utf-8")
    found: list[Example] = []
    for fence in _FENCE.finditer(text):
        kind, body = fence.groups()
        if kind == "text":
            if found and found[-1].kind == "error" and not found[-1].message:
                found[-1] = Example(**{**found[-1].__dict__, "message": body.rstrip("\n")})
            continue
        headings = _HEADING.findall(text, 0, fence.start())
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Example(headings[-1] if headings else "", line, kind.removeprefix("arch").strip(), body))
    return found
