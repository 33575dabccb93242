"""What each augmentation does to images and labels."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from blockdsl.diagnostics import ArchError
from blockdsl.recipe import augment as terms
from blockdsl.training.augment import make_augment

CLASSES = 5


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def images(count=64, channels=3, height=12, width=10):
    return torch.rand(count, channels, height, width)


def apply(x, *of, size=None, covariance=None, labels=None):
    covariance = torch.eye(x.shape[1]) if covariance is None else covariance
    image = (x.shape[1], *(size or x.shape[2:]))
    labels = torch.arange(len(x)) % CLASSES if labels is None else labels
    return make_augment(of, image, covariance, CLASSES)(x, labels)


def windows(padded, height, width):
    """Every window of each image: (B, C, places, height, width)."""
    return padded.unfold(2, height, 1).unfold(3, width, 1).flatten(2, 3)


@pytest.mark.parametrize("reflect", [False, True])
def test_crop_is_a_window_of_the_padded_image(reflect):
    x = images()
    y, labels = apply(x, terms.Crop(pad=3, reflect=reflect))
    padded = F.pad(x, (3, 3, 3, 3), mode="reflect" if reflect else "constant")
    match = (windows(padded, 12, 10) == y[:, :, None]).flatten(3).all(3).all(1)  # (B, places)
    assert match.any(1).all() and match.int().argmax(1).unique().numel() > 20
    assert torch.equal(labels, torch.arange(64) % CLASSES)


def test_crop_takes_a_window_out_of_a_larger_image():
    x = images(400, height=16, width=14)
    y, _ = apply(x, terms.Crop(), size=(12, 10))
    match = (windows(x, 12, 10) == y[:, :, None]).flatten(3).all(3).all(1)
    assert match.any(1).all() and match.int().argmax(1).unique().numel() == 25


@pytest.mark.parametrize(("vertical", "axis"), [(False, 3), (True, 2)])
def test_flip_mirrors_half_of_the_images(vertical, axis):
    x = images(400)
    y, _ = apply(x, terms.Flip(vertical=vertical))
    mirrored = (y == x.flip(axis)).flatten(1).all(1)
    assert (mirrored | (y == x).flatten(1).all(1)).all()
    assert 150 < int(mirrored.sum()) < 250


def test_brightness_multiplies_within_its_amount():
    x = images() * 0.5
    y, _ = apply(x, terms.Colour(brightness=0.4, contrast=0, saturation=0))
    factor = (y / x).flatten(1)
    assert torch.allclose(factor.amin(1), factor.amax(1), atol=1e-3)
    assert factor.min() > 0.599 and factor.max() < 1.401 and factor.std() > 0.1


def test_saturation_keeps_grey_images():
    x = images(channels=1)
    y, _ = apply(x, terms.Colour(brightness=0, contrast=0, saturation=1))
    assert y.shape == x.shape and torch.allclose(y, x, atol=1e-3)


def test_pca_colour_shifts_along_the_components():
    root = torch.tensor([[1.0, 0, 0], [0.5, 0.2, 0], [0.3, 0.1, 0.05]])
    x = images(40_000, height=2, width=1)
    y, _ = apply(x, terms.PcaColour(std=0.1), covariance=root @ root.T)
    shift = (y - x).flatten(2)
    assert torch.allclose(shift[:, :, 0], shift[:, :, 1], atol=1e-6)
    assert torch.allclose(torch.cov(shift[:, :, 0].T), 0.01 * root @ root.T, atol=3e-4)


def test_scale_jitter_cuts_what_the_image_of_that_side_would_show():
    side = 64
    ramp = torch.arange(side).float().expand(200, 1, side, side) / side
    y, _ = apply(ramp, terms.ScaleJitter(low=40, high=80), size=(32, 32))
    assert y.shape == (200, 1, 32, 32)
    step = (y[:, 0, 16, 1:] - y[:, 0, 16, :-1]).mean(1)  # of the ramp per pixel: 1 / S for an image of side S
    assert step.max() <= 1 / 40 * 1.04 and step.min() >= 1 / 80 * 0.96 and step.max() / step.min() > 1.5


def test_scale_jitter_below_the_input_is_refused():
    with pytest.raises(ArchError, match=r"scale_jitter\(low=8\) is below the network's input of 12x10"):
        apply(images(), terms.ScaleJitter(low=8, high=20))


def test_random_resized_crop_keeps_to_its_share_of_the_area():
    ramp = torch.arange(64).float().expand(200, 1, 64, 64)
    y, _ = apply(ramp, terms.RandomResizedCrop(low=0.25, high=0.25, aspect=1.0), size=(16, 16))
    assert y.shape == (200, 1, 16, 16)
    width = y[:, 0, 8, -1] - y[:, 0, 8, 0]  # 32 columns: half of the side
    assert width.min() > 28 and width.max() < 33


@pytest.mark.parametrize("term", [terms.Rotate(degrees=0), terms.Affine(), terms.Elastic(alpha=0)])
def test_nothing_asked_changes_nothing(term):
    x = images()
    assert torch.allclose(apply(x, term)[0], x, atol=1e-4)


def test_rotate_turns_about_the_middle():
    x = torch.zeros(200, 1, 33, 33)
    x[:, :, 14:19, 24:29] = 1
    y, _ = apply(x, terms.Rotate(degrees=30))
    rows, columns = torch.meshgrid(torch.arange(33.0) - 16, torch.arange(33.0) - 16, indexing="ij")
    mass = y[:, 0].sum((1, 2))
    row, column = (y[:, 0] * rows).sum((1, 2)) / mass, (y[:, 0] * columns).sum((1, 2)) / mass
    angle = torch.rad2deg(torch.atan2(row, column)).abs()
    assert torch.allclose(torch.hypot(row, column), torch.tensor(10.0), atol=0.3)
    assert 25 < float(angle.max()) < 30.5


def test_affine_moves_by_a_part_of_the_side():
    x = torch.zeros(200, 1, 40, 40)
    x[:, :, 18:22, 18:22] = 1
    y, _ = apply(x, terms.Affine(shift=0.1))
    column = (y[:, 0].sum(1) * torch.arange(40.0)).sum(1) / y.sum((1, 2, 3)) - 19.5
    assert 3 < float(column.abs().max()) < 4.1


def test_elastic_moves_pixels_as_far_as_its_smoothed_field():
    """A field even in ±1 has deviation 1/√3; a Gaussian of sigma scales it by 1 / (2 √π sigma)."""
    side, alpha, sigma = 64, 8.0, 3.0
    ramp = torch.arange(side).float().expand(64, 1, side, side)
    y, _ = apply(ramp, terms.Elastic(alpha=alpha, sigma=sigma))
    moved = (y - ramp)[:, :, 16:48, 16:48]
    expected = alpha / math.sqrt(3) / (2 * math.sqrt(math.pi) * sigma)
    assert float(moved.std()) == pytest.approx(expected, rel=0.05)


def test_cutout_blacks_out_one_square():
    x = images(300) + 0.1
    y, _ = apply(x, terms.Cutout(size=4))
    hidden = (y == 0).all(1)
    assert torch.equal(y.masked_fill(hidden[:, None], 7), x.masked_fill(hidden[:, None], 7))
    area, rows, columns = hidden.sum((1, 2)), hidden.any(2).sum(1), hidden.any(1).sum(1)
    assert torch.equal(area, rows * columns)
    assert int(area.max()) == 16 and int(area.min()) >= 4  # at a corner a quarter is left


@pytest.mark.parametrize("term", [terms.Mixup(alpha=1.0), terms.Cutmix()])
def test_mixes_share_labels_as_they_share_pixels(term):
    labels = torch.arange(64) % CLASSES
    x = labels.float()[:, None, None, None].expand(64, 3, 12, 10)
    for _ in range(20):
        y, shares = apply(x, term, labels=labels)
        assert shares.shape == (64, CLASSES) and torch.allclose(shares.sum(1), torch.ones(64))
        assert torch.allclose(y.mean((1, 2, 3)), shares @ torch.arange(CLASSES).float(), atol=1e-4)


def test_mixes_follow_one_another():
    y, shares = apply(images(), terms.Mixup(), terms.Cutmix(), terms.Flip())
    assert y.shape == (64, 3, 12, 10) and torch.allclose(shares.sum(1), torch.ones(64))


def test_vectors_take_mixup_only():
    x = torch.rand(8, 6)
    y, shares = make_augment([terms.Mixup()], None, torch.eye(6), CLASSES)(x, torch.arange(8) % CLASSES)
    assert y.shape == (8, 6) and shares.shape == (8, CLASSES)
    with pytest.raises(ArchError, match="flip augments images, the data are vectors"):
        make_augment([terms.Flip()], None, torch.eye(6), CLASSES)


def test_colour_takes_one_or_three_channels():
    with pytest.raises(ArchError, match="colour takes images of 1 or 3 channels, these have 2"):
        apply(images(channels=2), terms.Colour())
