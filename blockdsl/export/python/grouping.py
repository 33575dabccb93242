"""Which containers become one class: those of one block whose parts are the same, but for some."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import networkx as nx

from blockdsl.codegen.tree import ModuleNode
from blockdsl.export.python.structure import ACTIVATION, Container, Part, Ref

MERGED_PARTS = 40
"""Longer containers are compared as they are, without looking for parts that some lack."""

MOST_TRIES = 5000
"""How long is looked for a way to merge two containers."""


@dataclass
class Plan:
    """A class to be.

    Attributes:
        parts: those of the fullest instance.
        instances: its containers, and for each which of its parts stands for each part of the class.
        through: for a part that some instances lack, which of its sources passes instead.
    """

    title: str
    full: Container
    instances: list[tuple[Container, list[int | None]]] = field(default_factory=list)
    through: dict[int, int] = field(default_factory=dict)

    @property
    def parts(self) -> list[Part]:
        """The parts of the class."""
        return self.full.parts

    def rows(self, index: int) -> list[Part | None]:
        """What stands for one part of the class in each instance."""
        return [None if m[index] is None else c.parts[m[index]] for c, m in self.instances]  # type: ignore[index]


def order(
    nodes: dict[tuple[str, ...], ModuleNode], titles: dict[tuple[str, ...], str]
) -> Iterator[tuple[str, list[ModuleNode]]]:
    """Groups of containers of one block, what they contain before them.

    The instances of a block that contains itself are told apart by how deep they go.
    """
    uses = nx.DiGraph()
    uses.add_nodes_from(titles.values())
    uses.add_edges_from((titles[n], titles[n[:-1]]) for n in nodes if n)
    recursive = {
        t
        for part in nx.strongly_connected_components(uses)
        for t in part
        if len(part) > 1 or uses.has_edge(t, t)
    }
    heights: dict[tuple[str, ...], int] = defaultdict(int)
    for names in sorted(nodes, key=len, reverse=True):
        if names:
            heights[names[:-1]] = max(heights[names[:-1]], heights[names] + 1)
    groups: dict[tuple[str, int], list[ModuleNode]] = defaultdict(list)
    for names, node in nodes.items():
        groups[titles[names], heights[names] if titles[names] in recursive else -1].append(node)
    key = {n.names: k for k, members in groups.items() for n in members}
    graph = nx.DiGraph()
    graph.add_nodes_from(groups)
    graph.add_edges_from((key[n], key[n[:-1]]) for n in nodes if n)
    for group in nx.topological_sort(graph):
        yield group[0], groups[group]


def plans(title: str, containers: list[Container]) -> list[Plan]:
    """As few classes as hold all the containers of one block, the one with the most instances first."""
    clusters: dict[tuple[Any, ...], list[Container]] = defaultdict(list)
    for container in containers:
        signature = tuple((*p.key, p.sources, p.modules) for p in container.parts)
        clusters[signature, container.outputs, container.heads].append(container)
    result: list[Plan] = []
    for members in sorted(clusters.values(), key=lambda m: -len(m[0].parts)):
        for plan in result:
            found = _embedded(plan.full, members[0]) if len(plan.parts) <= MERGED_PARTS else None
            if found and all(plan.through.get(i, s) == s for i, s in found[1].items()):
                plan.through |= found[1]
                plan.instances += [(m, found[0]) for m in members]
                break
        else:
            same: list[int | None] = list(range(len(members[0].parts)))
            result.append(Plan(title, members[0], [(m, same) for m in members]))
    return sorted(result, key=lambda p: -len(p.instances))


def _embedded(full: Container, less: Container) -> tuple[list[int | None], dict[int, int]] | None:
    """How one container is another one without some parts, the tensors passing them by."""
    if len(full.inputs) != len(less.inputs) or full.heads != less.heads or not less.parts:
        return None
    refs: dict[Ref, Ref] = {(-1, i): (-1, i) for i in range(len(full.inputs))}

    tries = count()

    def match(i: int, j: int) -> tuple[list[int | None], dict[int, int]] | None:
        if next(tries) > MOST_TRIES:
            return None
        if i == len(full.parts):
            ends = tuple(refs.get(o) for o in full.outputs)
            return ([], {}) if j == len(less.parts) and ends == less.outputs else None
        part = full.parts[i]
        if j < len(less.parts):
            other = less.parts[j]
            taken = tuple(tuple(refs[s] for s in given) for given in (part.sources, part.modules))
            if part.key == other.key and taken == (other.sources, other.modules):
                refs.update({(i, p): (j, p) for p in range(max(len(part.shapes), 1))})
                rest = match(i + 1, j + 1)
                if rest:
                    return [j, *rest[0]], rest[1]
        if len(full.parts) - i > len(less.parts) - j and _may_lack(part):
            for s, source in enumerate(part.sources):
                refs[i, 0] = refs[source]
                rest = match(i + 1, j)
                if rest:
                    return [None, *rest[0]], rest[1] | {i: s}
        return None

    return match(0, 0)


def _may_lack(part: Part) -> bool:
    """Whether a class can do without a part: `nn.Identity` stands for it, or a join is left out."""
    if part.first is not None or part.training or part.held or part.modules or len(part.shapes) != 1:
        return False
    if len(part.sources) == 1:
        return True
    return part.leaf is not None and part.leaf.operation.commutative and bool(part.leaf.functional)


def titled(name: str) -> str:
    """`dense_block` as `DenseBlock`, `stage2` as `Stage2`."""
    return "".join(p[:1].upper() + p[1:] for p in re.split(r"[^0-9A-Za-z]+", name) if p)


def told(plan: Plan) -> str:
    """A name for a plan: the block's; where it is called `conv` what follows the convolution, too."""
    if plan.title != "Conv" or any(p.leaf is None for p in plan.parts):
        return plan.title
    return "".join(_short(plan, i) for i in range(len(plan.parts)))


def _short(plan: Plan, index: int) -> str:
    part = plan.parts[index]
    if part.kind == ACTIVATION:
        names = {p.args[0]["activation"].text if p else "" for p in plan.rows(index)}
        return next(iter(names)).removeprefix("nn.") if len(names) == 1 else "Act"
    if part.leaf is not None and part.leaf.operation.family == "norm":
        return part.leaf.operation.name
    return part.kind.removeprefix("nn.").removesuffix("2d").removesuffix("1d")


def variant(name: str, plan: Plan, base: Plan) -> str:
    """A name for a class beside another of its block: what it has more, or less, if that is one thing."""
    if name != told(base):
        return name
    mine, other = (
        Counter(titled(p.name.rstrip("0123456789")) for p in q.parts if p.state) for q in (plan, base)
    )
    more, less = list((mine - other).elements()), list((other - mine).elements())
    if len(more) == 1 and not less:
        return f"{name}With{more[0]}"
    if len(less) == 1 and not more:
        return f"{name}Without{less[0]}"
    kinds, others = (Counter(p.kind for p in q.parts if p.leaf is None) for q in (plan, base))
    new, old = list((kinds - others).elements()), list((others - kinds).elements())
    if len(new) == len(old) == 1 and new[0].startswith(f"{old[0]}With"):
        return name + new[0].removeprefix(old[0])
    return name


def _stem(part: Part) -> str:
    """What a part is called without its number."""
    return titled(part.name.rstrip("0123456789"))
