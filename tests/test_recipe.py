"""Settings and terms: what they take, what they refuse, and how they are written."""

import subprocess
import sys

import pytest

from blockdsl.recipe import Recipe, RecipeError, augment, find_term, initial, terms, terms_of
from blockdsl.recipe.term import written


def refusal(action):
    with pytest.raises(RecipeError) as caught:
        action()
    return caught.value


def test_a_published_recipe_is_stated_and_written_back():
    recipe = Recipe.of(
        {
            "optimizer": terms.Sgd(lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True),
            "schedule": terms.Steps(at=(0.5, 0.75), by="run"),
            "augment": (augment.Crop(), augment.Flip()),
            "batch": 64,
            "epochs": 300,
        }
    )
    assert recipe.optimizer.lr == 0.1 and recipe.epochs == 300 and recipe.clip is None
    assert str(recipe).splitlines() == [
        "optimizer = sgd(lr=0.1, momentum=0.9, weight_decay=0.0001, nesterov=yes)",
        "schedule = steps(at=[0.5, 0.75], by=run)",
        "augment = crop + flip",
        "epochs = 300",
    ]


def test_one_term_is_a_sum_of_one():
    assert Recipe.of({"augment": augment.Flip()}).augment == (augment.Flip(),)
    assert Recipe.of({"init": initial.Normal(at=("conv1",))}).init == (initial.Normal(at=("conv1",)),)


def test_settings_convert_their_values():
    recipe = Recipe.of({"batch": 256.0, "clip": 2, "ema": 0.999})
    assert isinstance(recipe.batch, int) and isinstance(recipe.clip, float)


def test_each_output_may_have_a_loss_of_its_own():
    recipe = Recipe.of({"loss.p3": terms.Mse(weight=0.5), "loss": terms.Bce(), "loss.p4": terms.Nll()})
    assert [recipe.loss_of(name).name for name in ("p3", "p4", "p5")] == ["mse", "nll", "bce"]
    assert str(recipe).splitlines() == ["loss = bce", "loss.p3 = mse(weight=0.5)", "loss.p4 = nll"]
    changed = recipe.with_({"loss.p3": terms.Rbf(), "epochs": 3})
    assert [changed.loss_of(name).name for name in ("p3", "p4", "p5")] == ["rbf", "nll", "bce"]
    assert refusal(lambda: Recipe.of({"loss.p3": terms.Adam()})).argument == "loss.p3"
    assert refusal(lambda: Recipe.of({"optimizer.p3": terms.Adam()})).argument == "optimizer.p3"


def test_with_keeps_the_other_settings():
    recipe = Recipe.of({"batch": 32, "epochs": 3}).with_({"epochs": 5})
    assert (recipe.batch, recipe.epochs) == (32, 5)


def test_unknown_names_are_answered_with_the_nearest():
    unknown = refusal(lambda: Recipe.of({"epoch": 3}))
    assert (unknown.message, unknown.help) == ("there is no setting named epoch", "did you mean epochs?")
    assert unknown.argument == "epoch"
    unknown = refusal(lambda: find_term("optimizer", "sdg"))
    assert (unknown.message, unknown.help) == ("there is no optimizer named sdg", "did you mean sgd?")
    unknown = refusal(lambda: find_term("schedule", "zzz"))
    assert unknown.help.startswith("schedule is one of constant, plateau,")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch": 0}, "batch takes a whole number, 1 or more"),
        ({"clip": -1}, "clip takes a number above 0"),
        ({"precision": "int8"}, "precision takes fp32, bf16, fp16 or fp64"),
        ({"loss": 3}, "loss takes one of cross_entropy, nll, mse, rbf, bce"),
        ({"loss": augment.Flip()}, "loss takes one of cross_entropy, nll, mse, rbf, bce"),
        ({"batch": 4, "accumulate": 5}, "a batch of 4 cannot run in 5 parts"),
        ({"validation": 0}, "validation takes a share above 0 and below 1"),
        (
            {"warmup": terms.Ramp(), "schedule": terms.Plateau()},
            "a warmup and the plateau schedule do not go together",
        ),
    ],
)
def test_what_a_recipe_refuses(settings, message):
    assert refusal(lambda: Recipe.of(settings)).message == message


@pytest.mark.parametrize(
    ("term", "argument"),
    [
        (terms.Sgd(lr=0.1, nesterov=True), "nesterov"),
        (terms.Piecewise(rates=(0.1,), at=(2.0,)), "rates"),
        (augment.ScaleJitter(low=512, high=256), "low"),
        (augment.RandomResizedCrop(low=0.5, high=0.2), "low"),
        (augment.RandomResizedCrop(aspect=0.5), "aspect"),
    ],
)
def test_arguments_that_do_not_go_together(term, argument):
    assert refusal(term.check).argument == argument


@pytest.mark.parametrize(
    ("term", "argument", "value", "words"),
    [
        (terms.Steps, "at", (30.0, 20.0), "takes a list of rising numbers above 0: [30, 60]"),
        (terms.Steps, "at", 30, "takes a list of rising numbers above 0: [30, 60]"),
        (terms.Steps, "by", "hour", "takes epoch, iteration or run"),
        (terms.Sgd, "lr", 0, "takes a number above 0"),
        (terms.Sgd, "lr", "high", "takes a number above 0"),
        (terms.Plateau, "patience", -1, "takes a whole number, 0 or more"),
        (initial.Normal, "at", 3, "takes the name of a layer or block, or a list of names"),
    ],
)
def test_arguments_say_what_they_take(term, argument, value, words):
    with pytest.raises(ValueError) as caught:
        term.arguments[argument].convert(value)
    assert str(caught.value) == words


@pytest.mark.parametrize("role", list(Recipe.roles))
def test_every_term_is_declared_whole(role):
    assert terms_of(role)
    for name, term in terms_of(role).items():
        assert (term.role, term.name) == (role, name) and term.__doc__
        required = {a.name: (30.0,) if a.name == "at" else 0.5 for a in term.arguments.values() if a.required}
        if name == "piecewise":
            required["rates"] = (0.1, 0.01)
        made = term(**{n: term.arguments[n].convert(v) for n, v in required.items()})
        made.check()
        for a in term.arguments.values():  # a default stands in its converted form
            assert a.convert(getattr(made, a.name)) == getattr(made, a.name)
        assert written(made).startswith(name)


def test_importing_the_recipe_loads_no_torch():
    code = "import sys, blockdsl.recipe; sys.exit('torch' in sys.modules or 'kornia' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
