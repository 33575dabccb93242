"""`blockdsl diff`: what differs between two networks, and what it costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from blockdsl.cli.options import read_file
from blockdsl.cli.streams import say
from blockdsl.rounding import rounded_text

if TYPE_CHECKING:
    from blockdsl.analysis import Summary
    from blockdsl.analysis.changes import Change

NAME = "diff"
_SIGNS = {"added": "+", "removed": "-", "changed": "~", "fed": ">", "rewired": "@"}


def command(
    first: Annotated[str, typer.Argument(metavar="A", help="An .arch file, or a name of the zoo.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The one to compare it with.")],
    every: Annotated[bool, typer.Option("--all", help="Tell every change, however many there are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what differs between two networks - not their texts - down to the layer, and what it costs.

    Where much differs it is told in short, by block; --all and --json tell every change.

    `+` added, `-` removed, `~` another operation or argument, `>` the same on an input of another shape,
    `@` reads other tensors.

    `blockdsl diff resnet50 resnet50_v1_5`
    """
    from blockdsl.analysis.changes import MOST, gathered, summed_up
    from blockdsl.analysis.diff import every_change
    from blockdsl.api import architecture

    networks = [architecture(read_file(name)) for name in (first, second)]
    found = every_change(networks[0].ir, networks[1].ir)
    changes = gathered(found)
    one, two = (network.summary() for network in networks)
    if as_json:
        told = {"same": not changes, "changes": [change.to_dict() for change in changes]}
        say(json.dumps(told, indent=2), whole=True)
        return
    say(f"{one.title or first} -> {two.title or second}")
    if not changes:
        say("the same network")
        return
    say("\n".join([*_totals(one, two), ""]), indent=" " * 12)
    lines = changes if every else summed_up(found)
    for change in lines if every else lines[:MOST]:
        say("\n".join(_lines(change)), indent=" " * 6)
    if not every and len(lines) > MOST:
        say(f"… and {len(lines) - MOST} more")
    if len(lines[:MOST]) < len(changes) and not every:
        say(f"\ntold in short; --all tells each of the {len(found)} changes")


def _totals(one: Summary, two: Summary) -> list[str]:
    figures = [
        ("parameters", one.params, two.params, ""),
        ("MACs", one.macs, two.macs, ""),
        ("activations", one.memory.activations, two.memory.activations, " bytes"),
        ("depth", one.depth, two.depth, ""),
    ]
    return [
        f"{name:<12}{a:,}" + (f" -> {b:,}{unit} ({b - a:+,})" if a != b else f"{unit} in both")
        for name, a, b, unit in figures
    ]


def _lines(change: Change) -> list[str]:
    word = "layers" if change.kind == "fed" else "times"
    times = f" ({change.times} {word})" if change.times > 1 else ""
    before, after = rounded_text(change.before), rounded_text(change.after)
    if before == after:  # the difference may be in a digit that rounding drops
        before, after = change.before, change.after
    text = before or after
    if before and after and before != after:
        text = f"{before} -> {after}"
    text += f", {change.parts} changes" if change.parts > 1 else ""
    delta = change.delta
    costs = [f"{delta.params:+,} parameters"] if delta.params else []
    costs += [f"{delta.macs:+,} MACs"] if delta.macs else []
    lines = [f"{_SIGNS[change.kind]} {change.path}{times}: {text}"]
    return lines + ([f"      {', '.join(costs)}"] if costs else [])
