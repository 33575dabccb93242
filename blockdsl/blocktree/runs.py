"""Repetitions in a sequence: how a summary and a picture show them once."""

from __future__ import annotations

from collections.abc import Iterator

_MAX_PERIOD = 64
_MAX_TRIED = 8


def runs(kinds: list[int], expand: bool) -> Iterator[tuple[int, int, int]]:
    """Cut a sequence into (start, period, times): the longest repetition from each start on.

    Linear: of each start only the nearest few recurrences are tried as periods.
    """
    if expand:
        yield from ((index, 1, 1) for index in range(len(kinds)))
        return
    start = 0
    while start < len(kinds):
        period, times = max(_repeats(kinds, start), key=lambda r: r[0] * r[1] if r[1] > 1 else 0)
        yield start, period, times
        start += period * times


def _repeats(kinds: list[int], start: int) -> Iterator[tuple[int, int]]:
    yield 1, 1
    tried = 0
    for period in range(1, min(_MAX_PERIOD, (len(kinds) - start) // 2) + 1):
        if kinds[start + period] != kinds[start]:
            continue
        end = start
        while end + period < len(kinds) and kinds[end] == kinds[end + period]:
            end += 1
        yield period, (end - start) // period + 1
        tried += 1
        if tried == _MAX_TRIED:
            return
