"""A file with choices as a set of networks: reach one, draw one, go through them all."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from blockdsl.analysis.checks import refuse_several
from blockdsl.diagnostics import ArchError, did_you_mean, error
from blockdsl.lowering import ChoicePoint, lower, refuse_unresolved
from blockdsl.ops import InputSizes
from blockdsl.resources import find_source
from blockdsl.source import Source
from blockdsl.space.candidate import Candidate
from blockdsl.space.choosing import decided, described
from blockdsl.space.domains import Domain, Value, draw, first_value, size, value_at
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse
from blockdsl.syntax.traversal import walk


class Space:
    """The networks of a file.

    Args:
        source: the file's text.
        input, settings: as for `blockdsl.load`.

    Raises:
        ArchError: the file is wrong whatever is chosen.
    """

    def __init__(
        self, source: Source, *, input: InputSizes | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.source = source
        self.file = parse(source)
        refuse_unresolved(self.file, input)
        self.input = input
        self.settings = dict(settings or {})
        sections = [s for s in self.file.statements if isinstance(s, nodes.Search)]
        items = [item for section in sections for item in section.items]
        self.objectives = tuple(i for i in items if isinstance(i, nodes.Objective))
        self.requires = tuple(i for i in items if isinstance(i, nodes.Require))

    @classmethod
    def of(cls, space: Space | str | Path) -> Space:
        """A space as it is, or the one that a name or a path means."""
        return space if isinstance(space, Space) else cls.load(space)

    @classmethod
    def load(
        cls, name: str | Path, *, input: InputSizes | None = None, settings: Mapping[str, Any] | None = None
    ) -> Space:
        """The space of a local file, or of one that comes along by its name."""
        return cls(find_source(name), input=input, settings=settings)

    @classmethod
    def parse(
        cls, text: str, *, input: InputSizes | None = None, settings: Mapping[str, Any] | None = None
    ) -> Space:
        """The space of a text.

        >>> Space.parse("input 1x8x8 net CONV({4, 8},3)").first().choices
        {'conv[1].channels': '4'}
        """
        return cls(Source("<text>", text), input=input, settings=settings)

    def reach(self, choose: Callable[[ChoicePoint], Value]) -> Candidate:
        """The network that a chooser leads to.

        Raises:
            ArchError: these choices do not go together; the message has the option's place.
        """
        program = lower(self.file, input=self.input, settings=self.settings, choose=choose, names=False)
        return Candidate(program, self.input, self.settings)

    def bind(self, assignment: Mapping[str, Value]) -> Candidate:
        """The network of an assignment, as `Candidate.assignment` has it: options by their places from 0.

        Every choice that is reached must be in it, and all must be reached.

        Raises:
            ArchError: a choice is open, unknown, not reached, or has no such value.
        """

        def choose(point: ChoicePoint) -> Value:
            if point.path not in assignment:
                raise error("open", f"the choice {point.path} is not bound", point.span)
            return assignment[point.path]

        candidate = self.reach(choose)
        for path in assignment:
            if path not in candidate.points:
                known = list(candidate.points)
                raise error(
                    "choice", f"no choice {path} is reached", help=did_you_mean(path, known, _listed(known))
                )
        return candidate

    def choose(
        self,
        choices: Mapping[str, str | Value] | None = None,
        *,
        first: bool = False,
        seed: int | None = None,
    ) -> Candidate:
        """The network of some choices, by their paths.

        Args:
            choices: values by the choices' paths: an option's text, its place counted from 1, or a number.
            first: bind the rest to first options and lower ends.
            seed: bind the rest by drawing, uniformly.

        Raises:
            ArchError: a choice is open, unknown, not reached, or has no such value.

        >>> space = Space(Source("net.arch", "input 1x8x8 let width = {4, 8} net CONV(width,3)-{RELU, TANH}"))
        >>> space.choose({"width": 8}, first=True).choices
        {'width': '8', 'choice[1]': 'RELU'}
        """
        if first and seed is not None:
            raise error("choice", "the rest is bound to first options or drawn, not both")
        wanted = {path: str(value) for path, value in (choices or {}).items()}
        generator = random.Random(seed)
        reached: list[str] = []

        def decide(point: ChoicePoint) -> Value:
            reached.append(point.path)
            if point.path in wanted:
                return decided(point, wanted[point.path])
            if first:
                return first_value(point.domain)
            if seed is not None:
                return draw(point.domain, generator)
            raise error(
                "open",
                f"the choice {point.path} is not bound",
                point.span,
                help=f"one of {described(point.domain)}: --choose '{point.path}=…' "
                f"(choose({{'{point.path}': …}}) in Python), or --first (first=True)",
            )

        candidate = self.reach(decide)
        for path in wanted:
            if path not in reached:
                fix = did_you_mean(path, reached, "`blockdsl space` lists the paths")
                raise error("choice", f"no choice {path} is reached", help=fix)
        return candidate

    def freeze(
        self,
        choices: Mapping[str, str | Value] | None = None,
        *,
        first: bool = False,
        seed: int | None = None,
        folder: str | Path | None = None,
    ) -> str:
        """The text of the network of some choices, as an ordinary `.arch` file without choices.

        Args:
            choices, first, seed: as for `choose`.
            folder: where the file will lie, so that what it uses is found; by default beside the space.

        Raises:
            ArchError: as `choose`; or the network cannot be written without a choice.

        >>> space = Space(Source("net.arch", "input 1x8x8 net CONV({4, 8},3)-RELU"))
        >>> print(space.freeze({"conv[1].channels": 8}), end="")
        input 1x8x8
        net CONV(8,3)-RELU
        check params == 80
        check macs   == 2_592
        """
        return self.choose(choices, first=first, seed=seed).text(folder=folder)

    def sample(self, rng: random.Random) -> Candidate:
        """A network with every choice drawn by itself, uniformly (log ranges in the logarithm).

        Raises:
            ArchError: what was drawn does not go together.
        """
        return self.reach(lambda point: draw(point.domain, rng))

    def first(self) -> Candidate:
        """The network of first options and lower ends."""
        return self.reach(lambda point: first_value(point.domain))

    def enumerate(self, sizes: Callable[[Domain], int] = size) -> Iterator[Candidate | ArchError]:
        """Every assignment once, in order; what does not go together comes as its error.

        Args:
            sizes: how many values of a domain are gone through, from its first on.

        Raises:
            ArchError: a real number is open, so that there is no end to it.
        """
        prefix: list[int] = []
        while True:
            left: list[int] = []  # how many values of each choice come after the one taken

            def choose(point: ChoicePoint, left: list[int] = left, prefix: list[int] = prefix) -> Value:
                if len(left) == len(prefix):
                    prefix.append(0)
                index = prefix[len(left)]
                left.append(sizes(point.domain) - index - 1)
                return value_at(point.domain, index)

            try:
                yield self.reach(choose)
            except ArchError as failed:
                if not left:
                    raise
                yield failed
            while left and not left[-1]:
                left.pop()
            if not left:
                return
            prefix = prefix[: len(left)]
            prefix[-1] += 1

    def broken(self, candidate: Candidate) -> list[nodes.Require]:
        """The `require` lines on static figures that a network does not meet."""
        return [r for r in self.requires if is_static(r.condition) and not self.meets(candidate, r, {})]

    def meets(self, candidate: Candidate, require: nodes.Require, measured: Mapping[str, Any]) -> bool:
        """Whether a `require` line holds, given what was measured beside the static figures.

        Raises:
            ArchError: the condition names something that is not known, or is no condition.
        """
        refuse_several(candidate.program, require.condition)
        holds = candidate.program.evaluate(require.condition, {**candidate.figures, **measured})
        if not isinstance(holds, bool):
            raise error("value", "a limit is a comparison: params <= 500k", require.condition.span)
        return holds


MEASURED = {"accuracy", "loss", "latency", "score", "seconds"}
"""What is known after measuring only."""


def is_static(condition: nodes.Expr) -> bool:
    """Whether a condition can be decided on the graph alone."""
    names = {node.name for node in walk(condition) if isinstance(node, nodes.Call)}
    names |= {node.steps[0].name for node in walk(condition) if isinstance(node, nodes.Path)}
    return not names & MEASURED


def _listed(known: list[str]) -> str:
    return "it has " + ", ".join(known[:8]) + (", …" if len(known) > 8 else "") if known else "it has none"
