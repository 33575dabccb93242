"""Random files of long calls and lists, with legal white space and comments anywhere."""

from __future__ import annotations

import random

NAMES = ("a", "wm", "RELU", "width", "stage_of_the_network", "conv", "k2", "depths", "in")
OPERATORS = ("-", "+", "|", "*", " ** ", "/", " // ", " == ", " and ")


class _Writer:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def gap(self) -> str:
        """White space that is allowed behind a comma or an operator, mostly none or one space."""
        roll = self.rng.random()
        if roll < 0.8:
            return self.rng.choice(["", " "])
        if roll < 0.95:
            return self.rng.choice(["  ", "\n", "\n    ", "\t"])
        return f" # {self.rng.choice(['one', 'a longer comment', ') # ('])}\n"

    def items(self, depth: int) -> str:
        count = self.rng.choice([1, 2, 2, 3, 4, 9])
        parts = [self.expr(depth - 1) for _ in range(count)]
        if self.rng.random() < 0.2:
            parts[-1] = f"{self.rng.choice(['pad', 'wm'])}={parts[-1]}"
        return self.rng.choice(["", "", "", " "]) + "".join(
            part + ("," + self.gap() if i < count - 1 else "") for i, part in enumerate(parts)
        )

    def plain_items(self, depth: int) -> str:
        return ("," + self.gap()).join(self.expr(depth - 1) for _ in range(self.rng.choice([2, 3, 12])))

    def expr(self, depth: int) -> str:
        rng = self.rng
        if depth <= 0 or rng.random() < 0.2:
            return rng.choice([*NAMES, str(rng.randrange(10**6)), "5.7716", "3x3", '"word of text"'])
        match rng.randrange(8):
            case 0 | 1 | 2:
                return f"{rng.choice(NAMES[:-1])}({self.items(depth)})"
            case 3:
                return f"[{self.plain_items(depth)}]"
            case 4:
                return f"{{{self.plain_items(depth)}}}"
            case 5:
                return f"(if {self.expr(depth - 2)} then {self.expr(depth - 1)} else {self.expr(depth - 1)})"
            case 6:
                return f"({self.expr(depth - 1)} for i in 1..{self.expr(depth - 2)})"
            case _:
                operator = rng.choice(OPERATORS)
                parts = [self.expr(depth - 1) for _ in range(2 if " " in operator else rng.choice([2, 3]))]
                return f"({(operator + self.rng.choice(['', ' '])).join(parts)})"


def long_file(rng: random.Random) -> str:
    """The text of a file that parses; it need not be a network."""
    writer = _Writer(rng)
    lines = ["input 3x8x8\n"]
    for index in range(rng.choice([1, 2])):
        name = f"{rng.choice(['x', 'a_much_longer_name'])}_{index}"
        lines.append(f"let {name} = {writer.expr(rng.choice([2, 3, 4]))}\n")
    lines.append(f"block b(c, s=1) = {writer.expr(3)}\nnet {writer.expr(4)}-{writer.expr(2)}\n")
    lines.append(f"train\n lr = {writer.expr(3)}\n")
    return "".join(lines)
