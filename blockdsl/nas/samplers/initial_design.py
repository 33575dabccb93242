"""The first candidates, before there is anything to learn from: the corners of cost, and a spread."""

from __future__ import annotations

import random

import numpy as np

from blockdsl.diagnostics import error
from blockdsl.nas.samplers.pool import Pool

FIRST = 6
"""So many candidates are spread over the cost range."""
TRIES = 60
"""Draws on the way to each corner, and twice as many between."""
WHOLE = 300
"""A space with no more assignments is entered whole."""


def fill(pool: Pool) -> bool:
    """Enter candidates to begin with; whether they are the whole space."""
    count = pool.source.count()
    if count is not None and count <= WHOLE:
        for entry in pool.source.everything():
            pool.enter(entry)
        return True
    for _ in range(2 * TRIES):
        pool.fresh()
    for larger in (True, False):
        _climb(pool, larger)
    return False


def first(pool: Pool, rng: random.Random) -> list[int]:
    """The largest, the smallest, and a spread over what lies between, by MACs.

    Raises:
        ArchError: none of the candidates that were drawn is feasible.
    """
    feasible = _feasible(pool)
    if not feasible:
        raise error("search", "no feasible network was found")
    feasible.sort(key=lambda row: _cost(pool, row))
    last = len(feasible) - 1
    places = [1.0, 0.0, *np.linspace(0.3, 0.95, FIRST - 2)]
    spread = max(1, last // 100)
    jitter = [0, 0, *(rng.randint(-spread, spread) for _ in places[2:])]
    at = (min(last, max(0, round(p * last) + j)) for p, j in zip(places, jitter, strict=True))
    return list(dict.fromkeys(feasible[i] for i in at))


def _climb(pool: Pool, larger: bool) -> None:
    """Enter a corner of the cost range: from the dearest (cheapest) seen, neighbour by neighbour."""
    feasible = _feasible(pool)
    if not feasible:
        return
    best = (max if larger else min)(feasible, key=lambda row: _cost(pool, row))
    for _ in range(TRIES):
        near = pool.neighbour(best)
        if near is None or not pool.archive.entries[near].feasible:
            continue
        if (_cost(pool, near) > _cost(pool, best)) == larger:
            best = near


def _feasible(pool: Pool) -> list[int]:
    return [row for row, entry in enumerate(pool.archive.entries) if entry.feasible]


def _cost(pool: Pool, row: int) -> float:
    return pool.archive.entries[row].figures.get("macs", 0.0)
