"""A study as one page that works from a file: what was found, and what each choice was worth."""

from blockdsl.search.report.page import check_installed, report

__all__ = ["check_installed", "report"]
