"""Whether a space has a network that meets its limits, told before anything is trained."""

from __future__ import annotations

from blockdsl.diagnostics import error
from blockdsl.space.candidate import Candidate
from blockdsl.space.counting import count
from blockdsl.space.draws import Survey, survey, text_of
from blockdsl.space.space import Space
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import name_of
from blockdsl.syntax.traversal import walk

DRAWS, SECONDS = 2_000, 6.0
WHOLE = 500
"""A space no larger than this is gone through rather than drawn from."""


def feasible(space: Space) -> Candidate:
    """A network that meets all limits on static figures.

    Raises:
        ArchError: none was found: the limit that most networks break, and what they have.
    """
    found = Survey()
    for seed in range(DRAWS // 50):
        part = survey(space, 50, seed=seed, seconds=SECONDS / 10)
        meets = [c for c in part.candidates if not space.broken(c)]
        if meets:
            return meets[0]
        found.join(part)
        if found.seconds > SECONDS:
            break
    number = count(space).number
    if number is not None and number <= WHOLE:
        found = Survey()
        for candidate in space.enumerate():
            if isinstance(candidate, Candidate) and not space.broken(candidate):
                return candidate
            found.count(space, candidate)
    raise _none(space, found)


def _none(space: Space, found: Survey) -> Exception:
    if not found.candidates:
        return next(iter(found.refused.values()))
    limits = {text_of(r): r for r in space.requires}
    killer = limits[found.killer or ""]
    broken = found.broken[text_of(killer)]
    fix = "; ".join(_range(name, found) for name in _figures(killer)) or "loosen the limit"
    return error(
        "search",
        f"no network of {len(found.candidates):,} looked at meets all limits; "
        f"{broken:,} break {text_of(killer)}",
        killer.condition.span,
        help=fix,
    )


def _figures(require: nodes.Require) -> list[str]:
    return [name for node in walk(require.condition) if (name := name_of(node)) in ("params", "macs")]


def _range(name: str, found: Survey) -> str:
    low, high = found.range_of(name)
    return f"{name} range from {low:,} to {high:,}"
