"""docs/zoo.md is what its script writes from the files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_gallery_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate_zoo", DOCS / "generate_zoo.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = (DOCS / "zoo.md").read_text(encoding="utf-8")
    assert written == script.page(), "run `python docs/generate_zoo.py`"
