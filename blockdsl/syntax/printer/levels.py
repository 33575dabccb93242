"""How tightly each kind of node binds, as in `grammars/arch.lark`: where brackets are needed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from blockdsl.syntax import tree as nodes


class Level(IntEnum):
    """The grammar's ladder of expressions, loosest first."""

    VALUE = 0
    OR = 1
    AND = 2
    NOT = 3
    COMPARISON = 4
    CONCAT = 5
    SUM = 6
    CHAIN = 7
    PRODUCT = 8
    QUOTIENT = 9
    POWER = 10
    ELEMENT = 11
    POSTFIX = 12
    ATOM = 13


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator between two or more operands."""

    level: Level
    first: Level
    """What its first operand has to bind like, at least."""
    rest: Level
    """What the others have to."""
    leads: bool = False
    """The whole may begin with a minus."""
    signed: bool = False
    """The operands after the first may."""
    spaced: bool = True


_QUOTIENT = Operator(Level.QUOTIENT, Level.PRODUCT, Level.POWER, signed=True, spaced=False)
_COMPARISON = Operator(Level.COMPARISON, Level.CONCAT, Level.CONCAT, leads=True, signed=True)

OPERATORS = {
    "or": Operator(Level.OR, Level.OR, Level.AND),
    "and": Operator(Level.AND, Level.AND, Level.NOT),
    **dict.fromkeys(("==", "!=", "<=", ">=", "<", ">"), _COMPARISON),
    "|": Operator(Level.CONCAT, Level.SUM, Level.SUM),
    "+": Operator(Level.SUM, Level.CHAIN, Level.CHAIN, leads=True),
    "-": Operator(Level.CHAIN, Level.PRODUCT, Level.PRODUCT, leads=True, spaced=False),
    "*": Operator(Level.PRODUCT, Level.QUOTIENT, Level.POWER, signed=True, spaced=False),
    **dict.fromkeys(("//", "/", "%"), _QUOTIENT),
    "**": Operator(Level.POWER, Level.ELEMENT, Level.POWER, signed=True, spaced=False),
}

_LEVELS: dict[type[nodes.Node], Level] = {
    nodes.If: Level.VALUE,
    nodes.Concat: Level.CONCAT,
    nodes.Sum: Level.SUM,
    nodes.Chain: Level.CHAIN,
    nodes.Product: Level.PRODUCT,
    nodes.Label: Level.ELEMENT,
    nodes.Optional: Level.POSTFIX,
}


def level(node: nodes.Node) -> Level:
    """How tightly an expression binds when it is written without brackets."""
    match node:
        case nodes.Binary(_, op):
            return OPERATORS[op].level
        case nodes.Unary(_, "not"):
            return Level.NOT
        case nodes.Unary(_, _, nodes.Product() | nodes.Binary(_, "//" | "/" | "%")):
            return Level.PRODUCT
        case nodes.Unary():
            return Level.POWER
        case nodes.Number() if is_negative(node):
            return Level.POWER
        case _:
            return _LEVELS.get(type(node), Level.ATOM)


def is_negative(number: nodes.Number) -> bool:
    """Whether a number's text begins with a minus (that of -0.0 does)."""
    return str(number.value).startswith("-")
