"""The `train` section: settings and their terms become a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from blockdsl.diagnostics import already_told, did_you_mean, error
from blockdsl.ir import Segment
from blockdsl.lowering.binding import declared
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.values import Evaluated, cut, shown
from blockdsl.ops import foreign
from blockdsl.recipe import Recipe, RecipeError, find_term, terms_of
from blockdsl.recipe.settings import convert
from blockdsl.recipe.term import Term
from blockdsl.syntax import tree as nodes


def recipe_of(evaluator: ExpressionEvaluator, file: nodes.File, context: Context) -> Recipe:
    """The recipe that a file states, with defaults for what it does not.

    Raises:
        ArchError: a setting or term is unknown or refuses its value.
    """
    settings: dict[str, nodes.Setting] = {}
    for section in file.statements:
        for setting in section.settings if isinstance(section, nodes.Train) else ():
            if setting.name in settings:
                twice = error(
                    "setting", f"{setting.name} is set twice", setting.span, settings[setting.name].span
                )
                context.errors.tell(twice)
            settings[setting.name] = setting
    values: dict[str, Any] = {}
    choosing = Naming((Segment("train"),))
    context = context.but(choosing=choosing)
    for name, setting in settings.items():
        with context.errors.gathering():
            values[name] = _value(evaluator, setting, settings, context)
    if len(values) < len(settings):
        raise already_told()
    with _placed(settings, ""):
        return Recipe.of(values)


def _value(
    evaluator: ExpressionEvaluator,
    setting: nodes.Setting,
    settings: dict[str, nodes.Setting],
    context: Context,
) -> Any:
    """The value of a setting, held against what it takes."""
    name = setting.name
    if name not in Recipe.arguments:
        raise error(
                "setting", f"train has no setting {name}", setting.span,
                help=_belongs_to(setting, settings)
                or foreign.argument(name, list(Recipe.arguments))
                or did_you_mean(name, Recipe.arguments, "it has " + ", ".join(Recipe.arguments)),
            )  # fmt: skip
    value = _setting(evaluator, setting, context)
    with _placed(settings, name, f", not {_shown(value)}"):
        convert(name, value)
    return value


@contextmanager
def _placed(settings: dict[str, nodes.Setting], name: str, found: str = "") -> Iterator[None]:
    """Give a refusal the place of the setting that it names, or of `name`, and what was found there."""
    try:
        yield
    except RecipeError as refused:
        setting = settings.get(refused.argument or name) or settings.get(name)
        span = setting.value.span if setting else None
        raise error("setting", refused.message + found, span, help=refused.help) from None


def _belongs_to(setting: nodes.Setting, settings: Mapping[str, nodes.Setting]) -> str:
    """The help for a setting that is an argument of a term: `optimizer = sgd(lr=0.1)` for `lr = 0.1`."""
    for role in Recipe.roles:
        terms = terms_of(role)
        chosen = settings[role].value.span.text.partition("(")[0] if role in settings else ""
        known = [terms[chosen]] if chosen in terms else list(terms.values())
        for kind in known:
            name = next((n for n in (setting.name, foreign.ours(setting.name)) if n in kind.arguments), "")
            if name:
                needed = [f"{a.name}=…" for a in kind.arguments.values() if a.required and a.name != name]
                value = cut(" ".join(setting.value.span.text.split()))
                arguments = ", ".join([*needed, f"{name}={value}"])
                return f"it is an argument of the {role}: {role} = {kind.name}({arguments})"
    return ""


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, Term) else shown(value)


def _setting(evaluator: ExpressionEvaluator, setting: nodes.Setting, context: Context) -> Any:
    role = Recipe.roles.get(setting.name)
    if role is None:
        return evaluator.argument(setting.value, context.hinted(setting.name))
    terms = _terms(evaluator, setting.value, role, context.hinted(setting.name))
    return terms[0] if len(terms) == 1 else tuple(terms)


def _terms(evaluator: ExpressionEvaluator, expr: nodes.Expr, role: str, context: Context) -> list[Any]:
    """The terms of a sum; what an optional or a choice leaves out is left out."""
    match expr:
        case nodes.Group(body=body):
            return _terms(evaluator, body, role, context)
        case nodes.Sum(parts=parts):
            return [term for part in parts for term in _terms(evaluator, part, role, context)]
        case nodes.Choice(options=options):
            index, inner = evaluator.decisions.option(options, expr, context)
            return _terms(evaluator, options[index], role, inner)
        case nodes.Optional(body=body):
            index, inner = evaluator.decisions.option((body, "no"), expr, context, "optional")
            return _terms(evaluator, body, role, inner) if index == 0 else []
        case nodes.If():
            return _terms(evaluator, evaluator.branch(expr, context), role, context)
        case nodes.Path(is_name=True, steps=steps):
            return [_term(evaluator, nodes.Call(expr.span, steps[0].name, ()), role, context)]
        case nodes.Call():
            return [_term(evaluator, expr, role, context)]
        case nodes.Bool(value=False):
            return []
    value = evaluator.evaluate(expr, context)
    raise error("setting", f"{role} is a term such as name(…), not {shown(value)}", expr.span)


def _term(evaluator: ExpressionEvaluator, call: nodes.Call, role: str, context: Context) -> Any:
    choosing = Naming((*context.choosing.path, Segment(context.hint or call.name)))

    def evaluate(expr: nodes.Expr, name: str) -> Evaluated:
        return evaluator.argument(expr, context.but(choosing=choosing, hint=name))

    try:
        kind = find_term(role, call.name)
    except RecipeError as refused:
        raise error("setting", refused.message, call.span, help=refused.help) from None
    return declared(call, kind, kind.arguments, context, evaluate)
