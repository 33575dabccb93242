"""Random texts of spaces, in which choices stand in every place where the language takes one."""

from __future__ import annotations

import random

HEAD = """input 3x8x8
param act = {RELU, TANH}
let w = {2,4}
let d = [{1,2}, 2]
let u = CONV(w,1)-{RELU,TANH}
let v = {f, g(4)}
let size(i, k={1,2}) = 2*i*k
block f = {RELU, ABS}-SIGMOID?
block g(c, k={1,3}) = CONV(c,k,pad=same)-act?
block twice(net) = net-f-net
block back(c) =
    let a = in-CONV(c,1)-{RELU,TANH}
    a + (in-CONV(c,{1,3},pad=same))
block cell(prev, c) = (in-CONV(c,1)) | (prev-CONV(c,{1,3},pad=same)-act?)
block pick(net, c) =
    let a = {in-net, in-CONV(c,1)}
    let b = (in-RELU)?
    ({a, ID} | b) + {in-net, a} | {a-net, (a | in)-CONV(2,1)}
block deep(n) = if n == 0 then f else (CONV(n*{1,2},1)-deep(n-1))?
block wide(c) = if in.c == 4 then CONV(c,{1,3},pad=same) else {RELU, f}
"""

ATOMS = (
    "RELU", "TANH", "CONV(4,1)", "CONV({2,4},1)", "CONV(w,{1,3},pad={same,same})", "f", "g(4)", "g({2,4})",
    "u", "v", "back(4)", "deep({0..2})", "wide({2,4})", "act", "CONV(size({1,2}),1)", "CONV(size(1,3),1)",
    "f?", "CONV(d[{1,2}],1)", "twice(u)", "twice({RELU, CONV(2,1)})",
    "UPSAMPLE(2,mode={nearest,bilinear})-POOL(2)",
    "CONV(4,1)?", "ID", "DROPOUT({0.0,0.5})", "POOL({1,3},1,pad=0)", "CONV(4,3,pad={same,1})",
    "CONV(8-{2,4}-2,1)",
)  # fmt: skip


USES_STREAM = {15, 16, 17, 18}
"""The kinds of networks that say `in`."""


class _Writer:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.names = 0
        self.has_stream = True
        """Whether `in` stands for something: at the top of a file it does not."""

    def name(self, stem: str) -> str:
        self.names += 1
        return f"{stem}_{self.names}"

    def net(self, depth: int) -> str:
        """A network, in brackets where it needs them as a part of a larger one."""
        rng = self.rng
        if depth == 0 or rng.random() < 0.1:
            return rng.choice(ATOMS)

        def a() -> str:
            return self.net(depth - 1)

        kinds = [kind for kind in range(21) if self.has_stream or kind not in USES_STREAM]
        conditions = ["w == 2", "{yes,no}", *(["in.c == 4"] if self.has_stream else [])]
        match rng.choice(kinds):
            case 0:
                return f"({a()}-{a()})"
            case 1:
                return f"({a()}-{a()}-{a()})"
            case 2:
                return f"{{{a()}, {a()}}}"
            case 3:
                return f"({a()})?"
            case 4:
                return f"({a()})*{rng.choice(['2', '{0..2}', 'd[1]', '{1,3}'])}"
            case 5:
                return f"(if {rng.choice(conditions)} then {a()} else {a()})"
            case 6:
                return f"{self.name('l')}:({a()})"
            case 7:
                return f"({a()} | {a()})"
            case 8:
                return f"({a()}-CONV(4,1) + {a()}-CONV(4,1))"
            case 9:
                return f"([{a()}, {a()}]-CAT)"
            case 10:
                return f"MEAN({a()}-CONV(4,1), {a()}-CONV(4,1))"
            case 11:
                return f"({a()} for i in 1..{rng.choice(['2', '{1..2}'])})"
            case 12:
                return f"(CONV(i*{{1,2}},1)-{a()} for i in [2, {{1,3}}])"
            case 13:
                return f"([(CONV(i,1)-{a()} for i in 1..2)]-CAT)"
            case 14:
                return f"(AUX({self.name('aux')}, GAP-FC({{2,3}}), weight={{0.1,0.3}})-{a()})"
            case 15:
                return f"(ID | (in-{a()})?)"
            case 16:
                return f"({{in-{a()}, {a()}}}-CONV(4,1) | {a()})"
            case 17:
                return f"([(in-{a()})?, {a()}]-CAT)"
            case 18:
                return f"cell(in-{a()}, {{2,4}})"
            case 19:
                return f"pick({a()}, {{2,4}})"
            case _:
                return f"twice({a()})"


def random_space(rng: random.Random) -> str:
    """The text of a space: its blocks, a random network of them, and sometimes a way of training."""
    writer = _Writer(rng)
    lines = [HEAD]
    if rng.random() < 0.3:
        writer.has_stream = False
        lines.append(f"let own = {writer.net(2)}\n")
        writer.has_stream = True
    if rng.random() < 0.3:
        lines.append(f"block local(c) =\n    let b = in-{writer.net(1)}\n    b-CONV(c,1)-{writer.net(1)}\n")
    used = [name for name in ("own", "local({2,4})") if f" {name[:5]}" in "".join(lines[1:])]
    parts = [writer.net(rng.choice([1, 2, 2, 3])) for _ in range(rng.choice([1, 1, 2]))] + used
    rng.shuffle(parts)
    first = rng.choice(["CONV(4,1)", "(in-CONV(4,1))?", "{in-CONV(4,1), RELU}", "CONV(w,1)"])
    lines.append(f"net {first}-{'-'.join(parts)}\n")
    if rng.random() < 0.3:
        lines.append(
            "train\n optimizer = {sgd(lr={0.01,0.1}), adam}\n"
            " augment = (crop(pad={1,2}) + flip?)? + cutout?\n"
            " batch = {16, 32}\n schedule = steps(at=[{2,3}], by={epoch,run})\n"
        )
    return "".join(lines)
