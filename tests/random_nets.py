"""Random texts of networks with several inputs and outputs, bundles, shared networks, tables and loops.

All tensors have one shape, so that whatever is put together fits.
"""

from __future__ import annotations

import random
from collections.abc import Callable

SHAPES = ("4x8x8", "signal 4x16", "volume 4x4x4x4")
"""What flows through a network: an image, a signal or a volume of four channels."""


class _Names:
    """What is in sight at a place: tensors, and bundles with the number of their tensors."""

    def __init__(self, tensors: list[str], bundles: dict[str, int]) -> None:
        self.tensors, self.bundles = tensors, bundles


class _Writer:
    def __init__(self, rng: random.Random, *, choices: bool) -> None:
        self.rng, self.choices = rng, choices
        self.made = 0
        self.shape = SHAPES[0]
        self.with_mix = self.with_table = False
        self.networks: list[str] = ["RELU", "TANH", "CONV(4,1)", "CONV(4,3,p1)", "BN"]
        """Networks that are one word or one call."""
        self.lines: list[str] = []

    def name(self, stem: str) -> str:
        self.made += 1
        return f"{stem}_{self.made}"

    def one_of(self, *options: Callable[[], str]) -> str:
        return self.rng.choice(options)()

    # --- networks

    def net(self, depth: int) -> str:
        """A network, in brackets where it needs them as a part of a larger one."""
        rng = self.rng

        def a() -> str:
            return self.net(depth - 1)

        if depth == 0 or rng.random() < 0.2:
            open_ones = ["{RELU, TANH}", "CONV(4,{1,3},pad=same)", "BN?", "{CONV(4,1), ID}"]
            return rng.choice([*self.networks, *(open_ones if self.choices else ())])
        forms = [
            lambda: f"({a()}-{a()})",
            lambda: f"({a()} + {a()})",
            lambda: f"(({a()} | {a()})-CONV(4,1))",
            lambda: f"({a()}-CONV(8,1)-SPLIT(2)-[{a()}, {a()}]-SUM)",
            lambda: f"([{a()}, {a()}, ID]-CAT-SLICE(3,4))",
            lambda: f"MEAN({a()}, {a()})",
            lambda: f"SUB({a()}, {a()})",
            lambda: f"SUM({a()}, {a()}-GAP, broadcast=yes)",
            lambda: f"(ID * ({a()}-GAP-SIGMOID))",
            lambda: f"({a()})*2",
            lambda: f"(({a()} for i in 1..2)-TANH)",
            lambda: f"(RELU-(CONV(c,1)-{a()} for c, k in [[4, 1], [4, 3]]))",
            lambda: f"(if 2 > 1 then {a()} else {a()})",
        ]
        if self.choices:
            forms += [
                lambda: f"{{{a()}, {a()}}}",
                lambda: f"({a()})?",
                lambda: f"({a()})*{{1..2}}",
                lambda: f"([{a()} for i in 1..{{1,2}}]-SUM)",
            ]
        return self.one_of(*forms)

    # --- tensors

    def tensor(self, depth: int, seen: _Names) -> str:
        """A tensor, in brackets where it needs them."""
        rng = self.rng
        forms = [lambda: rng.choice(seen.tensors), lambda: f"({rng.choice(seen.tensors)}-{self.net(1)})"]
        if seen.bundles:
            name, count = rng.choice(list(seen.bundles.items()))
            forms += [lambda: f"{name}[{rng.randint(1, count)}]", lambda: f"({name}-MEAN)"]
        if depth:
            a, net = (lambda: self.tensor(depth - 1, seen)), (lambda: self.net(depth - 1))
            forms += [
                lambda: f"({a()}-{net()})",
                lambda: f"({a()} + {a()})",
                lambda: f"(({a()} | {a()})-CONV(4,1))",
                lambda: f"({a()} * ({a()}-SIGMOID))",
                lambda: f"MIN({a()}, {a()})",
                lambda: f"({self.bundle(depth - 1, seen)[0]}-SUM)",
                lambda: f"(WEIGHT(4)-{'IMAGE(1x1)'} * {a()})" if self.shape == SHAPES[0] else a(),
            ]
            if self.with_mix:
                forms.append(lambda: f"mix([{a()}, {a()}], 4)")
            if self.with_table:
                forms.append(lambda: f"node([{a()}, {a()}])")
            if self.choices:
                forms += [lambda: f"{{{a()}, {a()}}}", lambda: f"({{{a()}, {a()}}}-{net()})"]
        return self.one_of(*forms)

    def bundle(self, depth: int, seen: _Names) -> tuple[str, int]:
        """Several tensors, and how many they are."""
        rng = self.rng
        tensor, net = (lambda: self.tensor(max(depth - 1, 0), seen)), (lambda: self.net(max(depth - 1, 0)))
        forms = [
            lambda: (f"[{tensor()}, {tensor()}]", 2),
            lambda: (f"({tensor()}-[{net()}, {net()}, ID])", 3),
            lambda: (f"({tensor()}-CONV(8,1)-SPLIT(2))", 2),
        ]
        for name, count in seen.bundles.items():
            forms += [
                lambda name=name, count=count: (name, count),
                lambda name=name, count=count: (f"[t-{net()} for t in {name}]", count),
                lambda name=name, count=count: (f"[t + (t-{net()}) for t in {name}[2..]]", count - 1),
                lambda name=name, count=count: (
                    f"[{name}[i] + ({name}[i-1]-{net()}) for i in 2..len({name})]", count - 1,
                ),
                lambda name=name, count=count: (f"[{name}[1], {name}[2..{count}]]", count),
            ]  # fmt: skip
        forms = [*forms, lambda: (f"[t-{net()} for t in [{tensor()}, {tensor()}]]", 2)]
        return rng.choice(forms)()

    # --- bodies

    def body(self, seen: _Names, depth: int, result: Callable[[], str], indent: str = "    ") -> str:
        """The lines of a body: some `let`s, and a result that sees them."""
        lines, kept = [], list(self.networks)
        for _ in range(self.rng.randrange(4)):
            match self.rng.randrange(4):
                case 0:
                    name = self.name("a")
                    lines.append(f"let {name} = {self.tensor(depth, seen)}")
                    seen.tensors.append(name)
                case 1:
                    text, count = self.bundle(depth, seen)
                    if count > 1:
                        name = self.name("x")
                        lines.append(f"let {name} = {text}")
                        seen.bundles[name] = count
                case 2:
                    one, two = self.name("b"), self.name("b")
                    text = f"{{{self.pair(seen)}, {self.pair(seen)}}}" if self.choices else self.pair(seen)
                    lines.append(f"let {one}, {two} = {text}")
                    seen.tensors += [one, two]
                case _:
                    name = self.name("h")
                    lines.append(f"shared {name} = {self.net(depth)}-CONV(4,1)")
                    self.networks += [name, name]
        text = "".join(f"{indent}{line}\n" for line in [*lines, result()])
        self.networks = kept
        return text

    def pair(self, seen: _Names) -> str:
        """A bundle of two."""
        return self.one_of(
            lambda: f"[{self.tensor(1, seen)}, {self.tensor(0, seen)}]",
            lambda: f"{self.tensor(0, seen)}-CONV(8,1)-SPLIT(2)",
        )

    def head(self) -> None:
        """Blocks, shared networks and tables."""
        rng = self.rng
        self.lines += [
            f"block unit(k=3) = CONV(4,k,pad=same)-{self.net(1)}",
            f"block mix(x, c) = SUM([t-CONV(c,1)-{self.net(1)} for t in x])",
            f"block two = [{self.net(1)}, in-{self.net(1)}]",
            f"block first = [t-{self.net(0)} for t in in[1..2]]-SUM",
        ]
        self.with_mix = True
        seen = _Names(["in"], {})
        body = self.body(seen, 1, lambda: self.tensor(2, seen))
        self.lines.append(f"block inner =\n{body}".rstrip())
        self.networks += ["unit", "unit(1)", "inner", "(two-SUM)", "(two-first)"]
        if rng.random() < 0.6:
            self.lines.append(f"shared tower = {self.net(1)}-CONV(4,1)")
            self.networks += ["tower", "tower*2", "[tower, tower]-SUM"]
        if rng.random() < 0.4:
            self.lines.append("shared twin = inner")
            self.networks.append("twin")
        if rng.random() < 0.5:
            self.lines.append(f"let ops = [{self.net(1)}, {self.net(0)}, RELU]")
            index = "{1..3}" if self.choices else rng.choice("123")
            self.networks += ["ops[2]", f"ops[{index}]", "(ops-SUM)", "(TANH-(op for op in ops))"]
        if rng.random() < 0.5:
            ends = ["{1,2}", "2"] if self.choices else ["1", "2"]
            self.lines.append(f"let genes = [[unit, {ends[0]}], [inner, {ends[1]}]]")
            self.lines.append(f"block node(x) = SUM([x[i]-op-{self.net(0)} for op, i in genes])")
            self.with_table = True


def random_net(rng: random.Random, *, choices: bool = False) -> str:
    """The text of a random network, or of a space of them."""
    writer = _Writer(rng, choices=choices)
    writer.shape = rng.choice(SHAPES) if rng.random() < 0.4 else SHAPES[0]
    names = rng.choice([["in"], ["in"], ["left", "right"], ["left", "right", "time"]])
    inputs = [f"input {writer.shape}"] if names == ["in"] else []
    inputs += [f"input {name} = {'8' if name == 'time' else writer.shape}" for name in names if name != "in"]
    writer.head()
    tensors = [name for name in names if name != "time"]
    if "time" in names:
        ranks = {"4x8x8": "IMAGE(1x1)", "signal 4x16": "SIGNAL", "volume 4x4x4x4": "VOLUME(1x1x1)"}
        to = ranks[writer.shape]
        tensors.append(f"(left * (time-FC(4)-{to}))" if to != "SIGNAL" else "left")
    seen = _Names(tensors, {"in": 2} if names == ["left", "right"] else {})

    def outputs() -> str:
        match rng.randrange(4):
            case 0 | 1:
                return writer.tensor(2, seen)
            case 2:
                return f"[o1:({writer.tensor(1, seen)}-CONV(4,1)), {writer.tensor(1, seen)}]"
        return writer.bundle(2, seen)[0]

    body = writer.body(seen, 2, outputs)
    return "\n".join([*inputs, *writer.lines, f"net\n{body}"])
