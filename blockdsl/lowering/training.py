"""The `train` section: settings and their terms become a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from blockdsl.diagnostics import already_told, did_you_mean, error
from blockdsl.formatting import listed
from blockdsl.ir import Graph, Segment
from blockdsl.lowering.binding import declared
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.values import Evaluated, cut, shown
from blockdsl.ops import foreign
from blockdsl.recipe import Recipe, RecipeError, find_term, terms_of
from blockdsl.recipe.settings import convert, output_of
from blockdsl.recipe.term import Term
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes


def recipe_of(evaluator: ExpressionEvaluator, file: nodes.File, context: Context) -> Recipe:
    """The recipe that a file states, with defaults for what it does not.

    The outputs that it may name are those of the evaluator's graph.

    Raises:
        ArchError: a setting, a term or an output is unknown, or a setting or term refuses its value.
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
    output = output_of(name)
    if output:
        _check_output(output, evaluator.graph, setting)
    elif name not in Recipe.arguments:
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


def _check_output(name: str, graph: Graph, setting: nodes.Setting) -> None:
    """Refuse the loss of an output that a network does not have; of one that was refused nothing is known."""
    outputs = [port.name for port in graph.outputs]
    if not outputs or name in outputs:
        return
    source, start = setting.span.source, setting.span.start
    place = Span(source, start, start + len(setting.name))
    if any(auxiliary.name == name for auxiliary in graph.auxiliaries):
        raise error(
            "setting", f"{name} is an auxiliary output, whose loss is `loss`", place,
            help=f"its weight stands in the net: AUX({name}, …, weight=0.3)",
        )  # fmt: skip
    raise error(
        "setting", f"the net has no output {name}; it has {listed(outputs, 'and')}", place,
        help=did_you_mean(name, outputs),
    )  # fmt: skip


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
    role = "loss" if output_of(setting.name) else Recipe.roles.get(setting.name)
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
