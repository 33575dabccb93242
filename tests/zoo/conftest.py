"""`pytest tests/zoo/test_proof.py --proof-page`: what the proofs found, as docs/zoo_proof.md.

With `-k NAME` the rows of other networks stay as they are.
"""

from __future__ import annotations

from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "zoo_proof.md"
HEAD = """\
# The proof of the zoo

Every network of the zoo beside the same network from elsewhere: torchvision's, timm's or pytorchcv's
where they have it as published, otherwise one that the tests write in PyTorch from the paper. The
other's weights, norms and statistics are drawn at random and carried over by `blockdsl weights`' own
code; outputs are compared in evaluation mode, gradients in training mode, all in float64. The
largest difference is relative to the largest value. Written by `make proof`, which fails above 1e-9.

| network | beside | compared | largest difference |
| --- | --- | --- | --- |
"""
_found: list[str] = []
"""Rows of the table."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--proof-page", action="store_true", help=f"write docs/{PAGE.name}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        for key, value in report.user_properties:
            if key == "proof":
                name, beside, what, apart = value  # type: ignore[misc]
                _found.append(f"| `{name}` | {beside} | {what} | {apart:.1e} |")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    controller = not hasattr(session.config, "workerinput")
    if controller and session.config.getoption("--proof-page", False) and exitstatus == 0:
        before = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
        rows = {_subject(row): row for row in before + _found}
        PAGE.write_text(HEAD + "\n".join(rows[key] for key in sorted(rows)) + "\n", encoding="utf-8")


def _subject(row: str) -> tuple[str, str]:
    """Of which network a row tells, and whether of its output or of its gradients."""
    name, _, what, _ = row.strip("| ").split(" | ")
    return name.strip("`"), what.split(",")[0]
