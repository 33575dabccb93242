"""What a term of a recipe is (`sgd(lr=0.1)`, `crop`), and the registry of all of them by role."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar, dataclass_transform

from blockdsl.diagnostics import did_you_mean
from blockdsl.ops.core import Argument, DeclaredArguments, OpError
from blockdsl.speedups import LateDataclass, dataclass_when_used


class RecipeError(OpError):
    """A setting or term that does not exist, or that refuses its arguments; lowering adds the place."""


class Term(LateDataclass):
    """Base of all terms. A subclass declares its arguments as annotated fields."""

    role: ClassVar[str] = ""
    name: ClassVar[str] = ""
    arguments: ClassVar[dict[str, Argument]] = {}

    def check(self) -> None:
        """Refuse arguments that do not go together (raises `RecipeError`)."""

    def __str__(self) -> str:
        shown = [
            f"{a.name}={written(getattr(self, a.name))}"
            for a in self.arguments.values()
            if a.required or getattr(self, a.name) != a.default
        ]
        return f"{self.name}({', '.join(shown)})" if shown else self.name


def written(value: object) -> str:
    """A value as the language writes it: `yes`, `[30, 60]`, `crop + flip`, `"conv1"` as `conv1`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        if value and all(isinstance(v, Term) for v in value):
            return " + ".join(map(str, value))
        return f"[{', '.join(map(written, value))}]"
    return str(value)


_registry: dict[str, dict[str, type[Term]]] = {}
_Term = TypeVar("_Term", bound=Term)


@dataclass_transform(frozen_default=True)
def term(role: str) -> Callable[[type[_Term]], type[_Term]]:
    """Class decorator: register a term of a role under the class's name, in snake case.

    The class becomes a frozen dataclass whose annotations are those of `blockdsl.ops.values`.
    """

    def register(cls: type[_Term]) -> type[_Term]:
        cls = dataclass_when_used(cls)
        cls.role, cls.name = role, _snake(cls.__name__)
        cls.arguments = DeclaredArguments()  # type: ignore[assignment]
        _registry.setdefault(role, {})[cls.name] = cls
        return cls

    return register


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


def terms_of(role: str) -> dict[str, type[Term]]:
    """The terms of a role by name; an unknown role has none."""
    return dict(_registry.get(role, {}))


def find_term(role: str, name: str) -> type[Term]:
    """The term of a role: `find_term("optimizer", "sgd")`.

    Raises:
        RecipeError: there is none of that name; its help names the nearest one.
    """
    known = terms_of(role)
    if name not in known:
        raise RecipeError(
            f"there is no {role} named {name}",
            help=did_you_mean(name, known, f"{role} is one of " + ", ".join(known)),
        )
    return known[name]


def term_setting(role: str) -> Callable[[object], Term]:
    """A converter for a setting that takes one term of a role."""

    def convert(value: object) -> Term:
        if not isinstance(value, Term) or value.role != role:
            raise ValueError(f"takes one of {', '.join(terms_of(role))}")
        return value

    return convert


def sum_setting(role: str) -> Callable[[object], tuple[Term, ...]]:
    """A converter for a setting that takes a term or a sum of terms of a role."""
    one = term_setting(role)

    def convert(value: object) -> tuple[Term, ...]:
        values = value if isinstance(value, tuple) else (value,)
        try:
            return tuple(one(v) for v in values)
        except ValueError as problem:
            raise ValueError(f"{problem}, or a sum of them") from None

    return convert
