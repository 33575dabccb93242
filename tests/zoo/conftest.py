"""`pytest tests/zoo/test_proof.py --proof-page`: what the proofs found, as docs/zoo_proof.md."""

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
_rows: list[tuple[str, str, str, float]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--proof-page", action="store_true", help=f"write docs/{PAGE.name}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _rows.extend(value for name, value in report.user_properties if name == "proof")  # type: ignore[misc]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    controller = not hasattr(session.config, "workerinput")
    if controller and session.config.getoption("--proof-page", False) and exitstatus == 0:
        lines = [
            f"| `{name}` | {beside} | {what} | {apart:.1e} |" for name, beside, what, apart in sorted(_rows)
        ]
        PAGE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
