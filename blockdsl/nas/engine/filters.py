"""A proxy as a filter: of the networks that were looked at, only the better part is trained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from optuna.study import Study

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.nas.objectives import PROXIES, Objective
from blockdsl.nas.study.records import records

FEWEST = 3
"""So many networks have to be known before one is skipped."""


@dataclass(frozen=True)
class Filter:
    """`naswot:0.5`: train a network if its score is in the better half of those seen so far."""

    proxy: str
    share: float

    @staticmethod
    def read(text: str) -> Filter:
        """The filter of `PROXY:SHARE` (raises `ArchError`)."""
        proxy, _, share = text.partition(":")
        if proxy not in PROXIES:
            raise error(
                "search", f"there is no score of {proxy}",
                help=did_you_mean(proxy, PROXIES, "scores are " + ", ".join(PROXIES)),
            )  # fmt: skip
        if not re.fullmatch(r"0?\.\d+", share) or not 0 < float(share) < 1:
            raise error("search", f"{text} is no filter", help=f"to train the better half: {proxy}:0.5")
        return Filter(proxy, float(share))

    @property
    def objective(self) -> Objective:
        """What has to be measured."""
        return Objective(f"score({self.proxy})", True, "score", self.proxy)

    def refuses(self, study: Study, measured: Mapping[str, float]) -> str:
        """Why a network is not worth training; nothing if it is."""
        name = self.objective.name
        seen = [
            r.measured[name] for _, r in records(study).values() if name in r.measured and r.duplicate is None
        ]
        better = sum(other > measured[name] for other in seen)
        if len(seen) < FEWEST or better < self.share * (len(seen) + 1):
            return ""
        return f"{name} is not in the better {self.share:.0%}"
