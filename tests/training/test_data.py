"""Data sets by name, and what they are turned into for a network."""

import gc
import math
import sys
import warnings
from dataclasses import replace
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from blockdsl.diagnostics import ArchError
from blockdsl.extras import install_command
from blockdsl.training.data import Data, InMemory, load
from blockdsl.training.prepare import Preparation


def rows(split):
    return {int(i) for i in split.rows}


def everything(split):
    return split.batch(torch.arange(len(split.labels)))


@pytest.fixture
def archive(tmp_path):
    rng = np.random.default_rng(0)

    def write(**changes):
        arrays = {
            "x_train": rng.integers(0, 256, (40, 6, 5, 3), dtype=np.uint8),
            "y_train": np.arange(40) % 4,
            "x_test": rng.integers(0, 256, (8, 6, 5, 3), dtype=np.uint8),
            "y_test": np.arange(8) % 4,
        }
        arrays.update(changes)
        if "x_test" in changes and changes["x_test"] is None:
            arrays["y_test"] = None
        path = tmp_path / "data.npz"
        np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
        return f"npz:{path}", arrays

    return write


def message(name, shape=(3, 6, 5), **options):
    with pytest.raises(ArchError) as caught:
        load(name, shape, **options)
    return str(caught.value)


def test_digits_are_those_of_scikit_learn():
    data = load("digits", (1, 8, 8), validation=0.2)
    assert data.classes == 10 and data.test is None
    assert (len(data.train.labels), len(data.validation.labels)) == (1437, 360)  # of 1797
    images = everything(data.train)
    assert images.shape == (1437, 1, 8, 8) and images.min() == 0 and images.max() == 1


def test_the_split_is_fixed_stratified_and_disjoint():
    one, two = load("digits", (1, 8, 8), validation=0.2), load("digits", (64,), validation=0.2)
    assert rows(one.train) == rows(two.train) and not rows(one.train) & rows(one.validation)
    assert rows(one.train) | rows(one.validation) == set(range(1797))
    whole = torch.cat([one.train.labels, one.validation.labels]).bincount()
    assert ((one.validation.labels.bincount() - 0.2 * whole).abs() <= 1).all()


def test_a_share_is_taken_of_the_training_images_only():
    whole, part = load("digits", (64,)), load("digits", (64,), share=0.25)
    assert len(part.train.labels) == -(-len(whole.train.labels) // 4)
    assert rows(part.train) < rows(whole.train)
    assert rows(part.validation) == rows(whole.validation)


def test_a_fingerprint_tells_what_is_trained_and_validated_with():
    data = load("digits", (1, 8, 8), share=0.2)
    assert data.fingerprint() == load("digits", (1, 8, 8), share=0.2).fingerprint()
    same = [replace(data, name="numerals"), replace(data, test=data.validation)]
    images, labels = everything(data.train).clone(), data.train.labels.clone()
    images[-1, 0, 0, 0] += 1
    labels[-1] += 1
    other = [
        replace(data, train=InMemory(images, data.train.labels)),
        replace(data, train=InMemory(everything(data.train), labels)),
        replace(data, train=data.validation, validation=data.train),
        replace(data, resize=9),
        replace(data, classes=11),
        load("digits", (64,), share=0.2),
    ]
    assert {one.fingerprint() for one in same} == {data.fingerprint()}
    assert len({data.fingerprint(), *(one.fingerprint() for one in other)}) == 7


def test_a_fingerprint_reads_few_files():
    class Files:
        labels, workers = torch.zeros(5_000, dtype=torch.long), 2
        read = 0

        def batch(self, index):
            self.read += len(index)
            return torch.zeros(len(index), 1, 2, 2)

    train, validation = Files(), Files()
    Data("files", (1, 2, 2), train, validation, None, 1).fingerprint()
    assert train.read == validation.read == 1_000


def test_an_archive_of_colour_images(archive):
    name, arrays = archive()
    data = load(name, (3, 6, 5), validation=0.25)
    assert data.classes == 4 and len(data.train.labels) == 30 and len(data.test.labels) == 8
    expected = torch.from_numpy(arrays["x_test"]).permute(0, 3, 1, 2)
    assert torch.equal(everything(data.test), expected) and expected.dtype == torch.uint8
    assert torch.equal(everything(data.train), data.train.whole.images[data.train.rows])


def test_grey_images_floats_and_vectors(archive):
    name, arrays = archive(x_train=np.random.default_rng(1).normal(5, 3, (40, 6, 5)), x_test=None)
    data = load(name, (1, 6, 5))
    images = data.train.whole.images
    assert images.shape == (40, 1, 6, 5) and data.test is None
    assert images.min() == 0 and images.max() == 1  # brought to 0…1, in proportion
    kept = np.corrcoef(images.flatten().numpy(), arrays["x_train"].ravel())[0, 1]
    assert kept == pytest.approx(1, abs=1e-6)
    name, _ = archive(x_train=np.random.default_rng(1).normal(5, 3, (40, 7)), x_test=None)
    assert everything(load(name, (7,)).validation).shape == (4, 7)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"x_train": None, "y_train": None}, "has no x_train and y_train"),
        ({"y_test": None}, "has only one of x_test and y_test"),
        ({"y_train": np.zeros(3, int)}, "40 inputs and 3 labels in train"),
        ({"y_train": np.zeros(40)}, "y_train is float64"),
        ({"y_train": np.arange(40) % 4 - 1}, "labels are whole numbers from 0"),
        ({"x_train": np.zeros((40, 6, 5, 3), int)}, "x_train is int64 of shape (40, 6, 5, 3)"),
        ({"x_train": np.zeros(40)}, "x_train is float64 of shape (40,)"),
        ({"x_train": np.full((40, 6, 5, 3), np.nan)}, "x_train has values that are not finite"),
        ({"x_test": np.zeros((8, 9, 9, 3), np.uint8)}, "images of x_train and x_test differ in shape"),
        ({"x_train": np.array([{}] * 40)}, "is not a numpy archive of plain arrays"),
        ({"y_train": np.arange(40)}, "has one image of class 0"),
        ({"y_train": np.arange(40) % 10}, "has 40 images: 10% of them are too few for 10 classes"),
        (
            {"x_train": np.zeros((40, 3, 28, 28), np.uint8), "x_test": None},
            "x_train is of shape (40, 3, 28, 28), with the channels first",
        ),
    ],
)
def test_a_malformed_archive_is_refused(archive, changes, expected):
    name, _ = archive(**changes)
    assert expected in message(name)


def test_a_file_that_is_missing_or_no_archive(tmp_path):
    path = tmp_path / "none.npz"
    assert message(f"npz:{path}") == f"error[data]: there is no file {path}"
    path.write_bytes(b"PK\x03\x04 no archive")
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always")
        assert "is not a numpy archive" in message(f"npz:{path}")
        gc.collect()
    assert not left_open
    np.save(tmp_path / "plain.npy", np.zeros(3))
    assert "is not a numpy archive" in message(f"npz:{tmp_path / 'plain.npy'}")


def test_an_unknown_name_is_answered_with_what_exists():
    assert message("digit") == ("error[data]: there is no data set named digit\n  help: did you mean digits?")
    assert message("xyz") == (
        "error[data]: there is no data set named xyz\n"
        "  help: data sets are digits, mnist, fashion-mnist, cifar10, cifar100, imagefolder:PATH, npz:PATH"
    )


def test_without_torchvision_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert message("cifar10") == (
        "error[missing]: cannot read cifar10 without torchvision, which is not installed\n"
        f"  help: `{install_command('vision')}`"
    )


def test_a_torchvision_for_another_torch_is_to_be_replaced(monkeypatch, tmp_path):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    assert message("mnist") == (
        "error[missing]: cannot read mnist: the installed torchvision does not load with torch "
        f"{torch.__version__}: operator torchvision::nms does not exist\n"
        f"  help: `{install_command('vision', reinstall=True)}`"
    )


def test_torchvisions_data_sets_are_read_as_arrays(monkeypatch, tmp_path):
    class CIFAR10:
        def __init__(self, root, train, download):
            assert root == str(tmp_path) and download
            self.data = np.full((50 if train else 20, 32, 32, 3), 7, np.uint8)
            self.targets = [i % 10 for i in range(len(self.data))]

    fake = ModuleType("torchvision")
    fake.__spec__ = ModuleSpec("torchvision", None)
    fake.datasets = SimpleNamespace(CIFAR10=CIFAR10)
    monkeypatch.setitem(sys.modules, "torchvision", fake)
    data = load("cifar10", (3, 32, 32), validation=0.2, folder=tmp_path)
    assert (len(data.train.labels), len(data.validation.labels), len(data.test.labels)) == (40, 10, 20)
    assert everything(data.test).shape == (20, 3, 32, 32)


def test_a_failed_download_is_an_error(monkeypatch, tmp_path):
    def failing(**_):
        raise OSError("no network")

    fake = ModuleType("torchvision")
    fake.__spec__ = ModuleSpec("torchvision", None)
    fake.datasets = SimpleNamespace(MNIST=failing)
    monkeypatch.setitem(sys.modules, "torchvision", fake)
    assert "mnist could not be downloaded" in message("mnist", folder=tmp_path)


# --- preparation ---------------------------------------------------------------------------


def prepared(data, training=False):
    x, _ = Preparation(data)(everything(data.train), data.train.labels, training=training)
    return x


def test_prepared_inputs_have_mean_0_and_deviation_1():
    for shape in ((1, 8, 8), (3, 8, 8), (64,)):
        x = prepared(load("digits", shape))
        assert x.shape[1:] == shape
        assert float(x.mean()) == pytest.approx(0, abs=1e-4)
        assert float(x.std()) == pytest.approx(1, abs=1e-3)


def test_each_channel_is_normalised_on_its_own(archive):
    images = np.random.default_rng(0).normal((10, 20, 90), (1, 2, 9), (40, 6, 5, 3)).astype(np.float32)
    name, _ = archive(x_train=images, x_test=None)
    x = prepared(load(name, (3, 6, 5)))
    assert torch.allclose(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-3)
    assert torch.allclose(x.std((0, 2, 3)), torch.ones(3), atol=1e-3)


def test_vectors_are_normalised_by_feature_and_constants_become_0(archive):
    vectors = np.random.default_rng(0).normal(5, 3, (40, 7))
    vectors[:, 2] = 4
    name, _ = archive(x_train=vectors, x_test=None)
    x = prepared(load(name, (7,)))
    assert torch.allclose(x.mean(0), torch.zeros(7), atol=1e-4) and (x[:, 2].abs() < 1e-4).all()


def test_a_little_larger_input_is_padded_with_black(archive):
    name, arrays = archive(
        x_train=np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8), x_test=None
    )
    data = load(name, (1, 32, 32))
    x, _ = Preparation(data)(data.train.whole.images, data.train.whole.labels)
    black = x[0, 0, 0, 0]
    assert (x[:, :, :2] == black).all() and (x[:, :, :, 30:] == black).all()
    inner = x[:, 0, 2:30, 2:30]
    stored = arrays["x_train"].ravel()
    assert np.corrcoef(inner.flatten().numpy(), stored)[0, 1] == pytest.approx(1, abs=1e-6)


def test_a_much_larger_input_is_interpolated():
    data = load("digits", (1, 32, 32))
    x, small = prepared(data), prepared(load("digits", (1, 8, 8)))
    means = torch.nn.functional.avg_pool2d(x, 4)
    assert float(torch.corrcoef(torch.stack([means.flatten(), small.flatten()]))[0, 1]) > 0.95


def test_resize_leaves_room_for_the_crop_and_validation_sees_the_middle(archive):
    name, _ = archive(x_train=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8), x_test=None)
    data = load(name, (3, 6, 6), resize=8)
    x, _ = Preparation(data)(data.train.whole.images, data.train.whole.labels)
    whole, _ = Preparation(load(name, (3, 8, 8)))(data.train.whole.images, data.train.whole.labels)
    assert torch.allclose(x, whole[:, :, 1:7, 1:7])


def test_one_channel_is_repeated_and_several_are_averaged(archive):
    x = prepared(load("digits", (3, 8, 8)))
    assert torch.equal(x[:, 0], x[:, 2])
    name, arrays = archive()
    data = load(name, (1, 6, 5))
    x, _ = Preparation(data)(data.train.whole.images, data.train.whole.labels)
    grey = arrays["x_train"].astype(float).mean(3)
    assert np.corrcoef(x.flatten().numpy(), grey.ravel())[0, 1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 8, 8), "digits has images of 1x8x8, the network takes 5x8x8"),
        ((4, 16), "digits has images of 1x8x8, the network takes 4x16"),
        ((50,), "digits has images of 1x8x8, which cannot become the network's 50 inputs"),
    ],
)
def test_images_that_a_network_cannot_take(archive, shape, expected):
    if shape[0] == 5:
        name, _ = archive()
        expected = expected.replace("digits", name).replace("1x8x8", "3x6x5")
    else:
        name = "digits"
    with pytest.raises(ArchError) as caught:
        Preparation(load(name, shape))
    assert caught.value.diagnostic.message == expected


def test_a_flat_input_of_another_side_is_resized():
    assert prepared(load("digits", (784,))).shape[1:] == (784,)


def test_vectors_of_another_length_are_refused(archive):
    name, _ = archive(x_train=np.zeros((40, 7)), x_test=None)
    with pytest.raises(ArchError, match=r"has vectors of 7, the network takes 9"):
        Preparation(load(name, (9,)))


def test_folds_are_stratified_and_validate_on_every_image_once():
    folds = [load("digits", (1, 8, 8), fold=(i, 5)) for i in range(5)]
    validated = [row for data in folds for row in rows(data.validation)]
    assert sorted(validated) == list(range(1797))
    counts = torch.bincount(folds[0].train.whole.labels)
    for data in folds:
        assert rows(data.train) | rows(data.validation) == set(range(1797))
        assert not rows(data.train) & rows(data.validation)
        assert (torch.bincount(data.validation.labels) - counts / 5).abs().max() < 1
        # Shuffled: a share of them has every class.
        assert set(data.train.labels[:100].tolist()) == set(range(10))
    assert rows(load("digits", (1, 8, 8), fold=(3, 5)).validation) == rows(folds[3].validation)


def test_a_share_of_a_fold():
    part, whole = (load("digits", (1, 8, 8), fold=(1, 3), share=share) for share in (0.25, 1.0))
    assert len(part.train.labels) == math.ceil(len(whole.train.labels) / 4)
    assert rows(part.train) <= rows(whole.train) and rows(part.validation) == rows(whole.validation)


def test_more_folds_than_images_of_a_class():
    with pytest.raises(ArchError, match="digits has 174 images of a class, too few for 175 folds"):
        load("digits", (1, 8, 8), fold=(0, 175))


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5])
def test_a_share_is_a_part(share):
    with pytest.raises(ArchError, match=f"a share of {share:g} is no part of the images"):
        load("digits", (1, 8, 8), share=share)
