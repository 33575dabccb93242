"""A study as one page that works from a file: what was found, and what each choice was worth."""

from blockdsl.nas.report.page import check_report, report

__all__ = ["check_report", "report"]
