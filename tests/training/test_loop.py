"""The training loop: what one step is, that runs repeat and resume exactly, how runs end."""

import resource
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from blockdsl.diagnostics import ArchError
from blockdsl.recipe import Recipe, augment, terms
from blockdsl.training import fit, load, predict
from blockdsl.training.prepare import Preparation


def lenet(dropout=0.0):
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(), nn.Dropout(dropout)),
        *(nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def small():
    """A net with everything that has a state of its own: batch norm, dropout."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2)),
        nn.Linear(8 * 36, 10),
    )


def linear():
    torch.manual_seed(0)
    return nn.Linear(64, 10)


class WithAuxiliary(nn.Module):
    """Returns `(y, {name: y})` in training and a tensor in eval, as compiled networks with AUX do."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.trunk, self.head, self.side = nn.Linear(64, 20), nn.Linear(20, 10), nn.Linear(20, 10)

    def forward(self, x):
        x = self.trunk(x)
        return (self.head(x), {"side": self.side(x)}) if self.training else self.head(x)


@pytest.fixture(scope="module")
def images():
    return load("digits", (1, 8, 8), validation=0.2, share=0.2)


@pytest.fixture(scope="module")
def vectors():
    return load("digits", (64,), validation=0.2, share=0.2)


def train(module, data, recipe=None, **options):
    return fit(module, data, recipe or Recipe(), device="cpu", **options)


def whole(data):
    """All training images as the network sees them, in float64, with labels."""
    everything = data.train.batch(torch.arange(len(data.train.labels)))
    x, labels = Preparation(data)(everything, data.train.labels)
    return x.double(), labels


def one_step(**settings):
    """One plain gradient step of rate 1 on all training images at once."""
    plain = {"optimizer": terms.Sgd(lr=1.0), "schedule": terms.Constant(), "batch": 100_000}
    return Recipe.of({**plain, "iterations": 1, "precision": "fp64", **settings})


def gradients(module, data, loss):
    module = module.double().train()
    x, labels = whole(data)
    return torch.autograd.grad(loss(module(x), labels), list(module.parameters()))


def changes(module, data, recipe, **options):
    before = [p.detach().double() for p in module.parameters()]
    train(module, data, recipe, **options)
    return [b - p for b, p in zip(before, module.parameters(), strict=True)]


def same(one, two, tolerance=1e-10):
    return all(torch.allclose(a, b, rtol=0, atol=tolerance) for a, b in zip(one, two, strict=True))


def same_weights(one, two):
    pairs = zip(one.state_dict().items(), two.state_dict().items(), strict=True)
    return all(name == other and torch.equal(a, b) for (name, a), (other, b) in pairs)


def without_time(result):
    return [replace(e, seconds=0.0) for e in result.history]


# --- one step ------------------------------------------------------------------------------


def test_a_step_is_the_gradient_of_the_mean_loss(vectors):
    assert same(changes(linear(), vectors, one_step()), gradients(linear(), vectors, F.cross_entropy))


def test_parts_of_a_batch_make_the_same_step(vectors):
    assert same(
        changes(linear(), vectors, one_step(accumulate=7)), gradients(linear(), vectors, F.cross_entropy)
    )


def test_auxiliary_losses_are_added_with_their_weights(vectors):
    def loss(y, labels):
        return F.cross_entropy(y[0], labels) + 0.3 * F.cross_entropy(y[1]["side"], labels)

    found = changes(WithAuxiliary(), vectors, one_step(), auxiliaries={"side": 0.3})
    assert same(found, gradients(WithAuxiliary(), vectors, loss))


class WithThreeOutputs(WithAuxiliary):
    """Features and two answers; in training an auxiliary one besides."""

    output_names = ("early", "features", "late")

    def __init__(self):
        super().__init__()
        self.late = nn.Linear(20, 10)

    def forward(self, x):
        x = self.trunk(x)
        outputs = self.head(x), x, self.late(x.tanh())
        return (outputs, {"side": self.side(x)}) if self.training else outputs


WITHOUT_FEATURES = {"loss.features": terms.CrossEntropy(weight=0)}


def test_outputs_have_losses_of_their_own(vectors):
    def loss(y, labels):
        early, _, late = y[0]
        squares = (early - F.one_hot(labels, 10)).square().sum(1).mean()
        smooth = F.cross_entropy(late, labels, label_smoothing=0.1)
        side = F.cross_entropy(y[1]["side"], labels, label_smoothing=0.1)
        return 0.5 * squares + 2 * smooth + 0.3 * side

    losses = {"loss.early": terms.Mse(weight=0.5), "loss": terms.CrossEntropy(label_smoothing=0.1, weight=2)}
    recipe = one_step(**losses, **WITHOUT_FEATURES, accumulate=3)
    found = changes(WithThreeOutputs(), vectors, recipe, auxiliaries={"side": 0.3})
    assert same(found, gradients(WithThreeOutputs(), vectors, loss))


@pytest.mark.parametrize(("silent", "told"), [((), 0), (("early",), 2)])
def test_the_accuracy_is_that_of_the_first_output_with_a_loss(vectors, silent, told):
    silenced = {f"loss.{name}": terms.CrossEntropy(weight=0) for name in silent}
    recipe = Recipe.of({**WITHOUT_FEATURES, **silenced, "epochs": 1})
    module = WithThreeOutputs()
    result = train(module, vectors, recipe, auxiliaries={"side": 0.3})
    split = vectors.validation
    x, labels = Preparation(vectors)(split.batch(torch.arange(len(split.labels))), split.labels)
    answers = module(x)
    assert result.accuracy == float((answers[told].argmax(1) == labels).double().mean())
    assert torch.allclose(
        predict(module, vectors, recipe, split, device="cpu"), answers[told].softmax(1), atol=1e-6
    )
    losses = [0.0 if name in ("features", *silent) else F.cross_entropy(y, labels).item()
              for name, y in zip(module.output_names, answers, strict=True)]  # fmt: skip
    assert result.history[0].validation_loss == pytest.approx(sum(losses), rel=1e-5)


def test_gradients_are_clipped_by_their_norm_together(vectors):
    expected = gradients(linear(), vectors, F.cross_entropy)
    norm = torch.cat([g.flatten() for g in expected]).norm()
    assert norm > 0.01
    found = changes(linear(), vectors, one_step(clip=0.01))
    assert same(found, [g * 0.01 / norm for g in expected], 1e-6)


def test_the_average_of_the_weights_is_what_is_kept(vectors):
    """After one step the average is the weights; after two it has moved by 1 - 2/11 of the way."""
    recipe = one_step(ema=0.999)
    once, twice = linear(), linear()
    train(once, vectors, replace(recipe, ema=None))
    train(twice, vectors, replace(recipe, ema=None, iterations=2))
    averaged, seen = linear(), []
    train(averaged, vectors, replace(recipe, iterations=2, epochs=2), on_epoch=seen.append)
    best = max(seen, key=lambda e: e.validation_accuracy)
    expected = once if best.epoch == 1 else None
    if expected is None:
        mixed = [a.lerp(b, 1 - 2 / 11) for a, b in zip(once.parameters(), twice.parameters(), strict=True)]
        assert same(list(averaged.parameters()), mixed)
    else:
        assert same(list(averaged.parameters()), list(once.parameters()))


# --- repetition and resumption -------------------------------------------------------------

EVERYTHING = Recipe.of(
    {
        "optimizer": terms.Sgd(lr=0.05, momentum=0.9, weight_decay=1e-3),
        "augment": (augment.Crop(pad=1), augment.Rotate(), augment.Mixup()),
        "ema": 0.9,
        "clip": 5.0,
        "epochs": 4,
        "batch": 32,
    }
)


def test_one_seed_gives_one_result(images):
    one, two, other = small(), small(), small()
    first, second = train(one, images, EVERYTHING), train(two, images, EVERYTHING)
    assert without_time(first) == without_time(second) and same_weights(one, two)
    train(other, images, EVERYTHING, seed=1)
    assert not same_weights(one, other)


@pytest.mark.parametrize(
    "changes",
    [{}, {"optimizer": terms.Adamw(lr=0.01), "ema": None}, {"schedule": terms.Plateau(patience=0)}],
)
def test_an_interrupted_run_equals_an_uninterrupted_one(images, tmp_path, changes):
    recipe = replace(EVERYTHING, **changes)
    straight = small()
    expected = train(straight, images, recipe, out=tmp_path / "straight")

    train(small(), images, recipe, out=tmp_path / "cut", on_epoch=lambda e: e.epoch == 2)
    torch.manual_seed(123)
    resumed = lenet_like = small()
    for parameter in lenet_like.parameters():
        parameter.data.fill_(7.0)  # all that counts comes from the checkpoint
    found = train(resumed, images, recipe, out=tmp_path / "cut", resume=True)
    assert without_time(found) == without_time(expected) and len(found.history) == 4
    assert same_weights(resumed, straight)
    one, two = (load_file(tmp_path / run / "best.safetensors") for run in ("straight", "cut"))
    assert one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


def test_training_leaves_torchs_generator_alone(vectors):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    module = nn.Linear(64, 10)
    torch.manual_seed(5)
    train(module, vectors, epochs=1)
    assert torch.equal(torch.rand(3), expected)


# --- outcomes ------------------------------------------------------------------------------


def test_the_module_ends_with_its_best_weights(images, tmp_path):
    module = small()
    result = train(module, images, EVERYTHING, out=tmp_path)
    assert result.outcome == "finished" and not module.training
    assert result.accuracy == max(e.validation_accuracy for e in result.history)
    shares = predict(module, images, EVERYTHING, images.validation, device="cpu")
    right = (shares.argmax(1) == images.validation.labels).double().mean()
    assert float(right) == pytest.approx(result.accuracy, abs=1e-12)
    fresh = small()
    fresh.load_state_dict(load_file(result.checkpoint))
    assert same_weights(fresh, module)


def test_a_loss_that_is_not_finite_ends_the_run(vectors, tmp_path):
    recipe = Recipe(optimizer=terms.Sgd(lr=1e30), loss=terms.Mse())
    result = train(linear(), vectors, recipe, out=tmp_path)
    assert result.outcome == "diverged" and result.history == () and result.checkpoint is None
    assert not (tmp_path / "last.pt").exists()


def test_patience_ends_a_run_that_no_longer_improves(vectors):
    recipe = Recipe(optimizer=terms.Sgd(lr=1e-12), patience=2)
    result = train(linear(), vectors, recipe)
    assert result.outcome == "early stop" and len(result.history) == 3


def test_a_run_that_stopped_early_stays_stopped_when_it_is_resumed(vectors, tmp_path):
    recipe = Recipe(optimizer=terms.Sgd(lr=1e-12), patience=2, epochs=9)
    first = train(linear(), vectors, recipe, out=tmp_path)
    again = train(linear(), vectors, recipe, out=tmp_path, resume=True)
    assert again.outcome == "early stop" and again.history == first.history


def test_callbacks_see_every_step_and_may_stop(vectors):
    steps, epochs = [], []

    def on_epoch(record):
        epochs.append(record)
        return record.epoch == 2

    result = train(
        linear(),
        vectors,
        Recipe(batch=64),
        epochs=5,
        on_epoch=on_epoch,
        on_batch=lambda *s: steps.append(s),
    )
    per_epoch = len(vectors.train.labels) // 64
    assert result.outcome == "stopped" and tuple(epochs) == result.history
    assert steps == [(i + 1, 5 * per_epoch) for i in range(2 * per_epoch)]


def test_iterations_decide_in_place_of_epochs(vectors):
    steps = []
    recipe = Recipe(batch=64, iterations=6)
    result = train(linear(), vectors, recipe, on_batch=lambda *s: steps.append(s))
    assert steps[-1] == (6, 6) and len(result.history) == 2  # 287 images: 4 steps an epoch


def test_plateau_lowers_the_rate_when_nothing_improves(vectors):
    recipe = Recipe(optimizer=terms.Sgd(lr=1e-12), schedule=terms.Plateau(factor=0.1, patience=1), epochs=4)
    rates = [e.lr for e in train(linear(), vectors, recipe).history]
    assert rates == pytest.approx([1e-12, 1e-12, 1e-13, 1e-13])


def test_test_images_are_scored_with_the_best_weights(vectors):
    data = replace(vectors, test=vectors.validation)
    result = train(linear(), data, epochs=3)
    assert result.test_accuracy == result.accuracy


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp64"])
def test_precisions_train(images, precision):
    module = small()
    result = train(module, images, EVERYTHING, precision=precision, epochs=3)
    assert result.accuracy > 0.5
    kind = torch.float64 if precision == "fp64" else torch.float32
    assert all(p.dtype == kind for p in module.parameters())


# --- files ---------------------------------------------------------------------------------


def test_an_output_folder_holds_curve_and_events(vectors, tmp_path):
    result = train(linear(), vectors, epochs=2, out=tmp_path / "a" / "b")
    folder = tmp_path / "a" / "b"
    assert sorted(p.name for p in folder.iterdir()) == ["best.safetensors", "curve.png", "events", "last.pt"]
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    events = EventAccumulator(str(folder / "events")).Reload()
    found = [(s.step, pytest.approx(s.value)) for s in events.Scalars("validation_accuracy")]
    assert found == [(e.epoch, e.validation_accuracy) for e in result.history]


def refusal(action):
    with pytest.raises(ArchError) as caught:
        action()
    return caught.value.diagnostic


def test_outputs_and_classes_must_agree(vectors):
    found = refusal(lambda: train(nn.Linear(64, 1000), vectors))
    assert found.message == "digits has 10 classes, the network yields 1000"
    assert found.help == "end the network in FC(10), or --set classes=10 where it has that"


def test_each_output_with_a_loss_has_the_classes(vectors):
    found = refusal(lambda: train(WithThreeOutputs(), vectors))
    assert found.message == "digits has 10 classes, the network yields 20 as features"
    assert found.help == "end it in FC(10), or leave it out: loss.features = cross_entropy(weight=0)"
    found = refusal(lambda: train(linear(), vectors, Recipe.of({"loss": terms.Mse(weight=0)})))
    assert found.message == "every loss has the weight 0"


def test_several_outputs_have_names(vectors):
    module = WithThreeOutputs()
    module.output_names = ("early",)
    found = refusal(lambda: train(module, vectors))
    assert found.message == "the network yields 3 outputs in evaluation, and names 1: early"
    assert found.help == "a module of one's own names them: module.output_names = (…)"


def test_what_cannot_be_resumed(vectors, tmp_path):
    resume = {"out": tmp_path, "resume": True}
    assert "there is no checkpoint" in refusal(lambda: train(linear(), vectors, **resume)).message
    assert "no output folder" in refusal(lambda: train(linear(), vectors, resume=True)).message
    train(linear(), vectors, epochs=1, out=tmp_path)
    other = Recipe(batch=16)
    assert "another recipe" in refusal(lambda: train(linear(), vectors, other, **resume)).message
    assert "another network" in refusal(lambda: train(WithAuxiliary(), vectors, **resume)).message
    (tmp_path / "last.pt").write_bytes(b"no checkpoint at all")
    assert "is not a checkpoint" in refusal(lambda: train(linear(), vectors, **resume)).message


def test_a_finished_run_can_be_made_longer(vectors, tmp_path):
    train(linear(), vectors, epochs=1, out=tmp_path)
    assert len(train(linear(), vectors, epochs=3, out=tmp_path, resume=True).history) == 3


def test_an_unwritable_place_is_an_error(vectors, tmp_path):
    (tmp_path / "file").write_text("")
    found = refusal(lambda: train(linear(), vectors, out=tmp_path / "file" / "run"))
    assert found.kind == "output" and "cannot write to" in found.message


def test_a_disk_that_fills_up_is_an_error_and_leaves_the_last_checkpoint(images, tmp_path):
    train(small(), images, epochs=1, out=tmp_path)
    before = (tmp_path / "last.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # of each file
    try:
        found = refusal(lambda: train(small(), images, epochs=2, out=tmp_path, resume=True))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert found.kind == "output" and "cannot write" in found.message
    assert (tmp_path / "last.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_a_network_without_weights_cannot_be_trained(vectors):
    head = nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(10))
    assert "no weights to train" in refusal(lambda: train(head, vectors)).message


def test_nothing_is_written_where_there_is_nothing_to_resume(vectors, tmp_path):
    refusal(lambda: train(linear(), vectors, out=tmp_path / "run", resume=True))
    assert not (tmp_path / "run").exists()


def test_strategies_and_precisions_that_there_are_not(vectors):
    found = refusal(lambda: train(linear(), vectors, strategy="fsdp"))
    assert found.message == "there is no strategy fsdp" and "auto and ddp" in found.help
    assert refusal(lambda: train(linear(), vectors, precision="fp8")).message == (
        "precision takes fp32, bf16, fp16 or fp64"
    )


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "cuda:x"])
def test_a_device_that_is_not_there(vectors, device):
    found = refusal(lambda: fit(linear(), vectors, Recipe(), device=device))
    assert found.kind == "device"


# --- and it learns -------------------------------------------------------------------------


def test_lenet_learns_the_digits():
    """Over 97% of the held-out digits, as the demo promises."""
    data = load("digits", (1, 32, 32), validation=0.2)
    moved = augment.Affine(rotate=10.0, scale=0.1, shift=0.08)
    recipe = Recipe.of({"optimizer": terms.Adamw(lr=0.003), "augment": moved, "batch": 32, "epochs": 12})
    torch.manual_seed(0)
    assert train(lenet(), data, recipe).accuracy > 0.97
