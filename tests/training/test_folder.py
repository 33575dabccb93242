"""Folders of images, read through torchvision."""

import numpy as np
import pytest
import torch
from PIL import Image

from blockdsl.diagnostics import ArchError
from blockdsl.training.data import batches, load
from tests.references import torchvision_models

COLOURS = {"blue": (0, 0, 250), "green": (0, 250, 0), "red": (250, 0, 0)}


@pytest.fixture
def folder(tmp_path):
    torchvision_models()  # lets torchvision be imported from a build without compiled operators
    for part, count in (("train", 6), ("val", 2)):
        for name, colour in COLOURS.items():
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.full((20, 30, 3), colour, np.uint8)
                pixels[:, :5] = 255  # the left edge, which the square in the middle does not reach
                Image.fromarray(pixels).save(tmp_path / part / name / f"{i}.png")
    return tmp_path


def test_images_become_the_square_in_their_middle(folder):
    data = load(f"imagefolder:{folder}", (3, 16, 16), validation=0.5, resize=20)
    assert data.classes == 3 and len(data.train.labels) == 9 and len(data.test.labels) == 6
    images = data.test.batch(torch.arange(6))
    assert images.shape == (6, 3, 20, 20) and images.dtype == torch.uint8
    for image, label in zip(images, data.test.labels, strict=True):
        expected = torch.tensor(list(COLOURS.values())[int(label)], dtype=torch.uint8)
        assert torch.equal(image, expected[:, None, None].expand(3, 20, 20))


def test_worker_processes_read_the_same_batches(folder):
    split = load(f"imagefolder:{folder}", (3, 8, 8), validation=0.5).train
    assert split.workers >= 1
    order = [torch.tensor([3, 1]), torch.tensor([0])]
    for (x, labels), index in zip(batches(split, order), order, strict=True):
        assert torch.equal(x, split.batch(index)) and torch.equal(labels, split.labels[index])


def test_classes_may_lie_in_the_folder_itself(folder):
    data = load(f"imagefolder:{folder / 'train'}", (3, 8, 8), validation=0.5)
    assert data.test is None and len(data.validation.labels) == 9


def test_a_folder_without_images_is_refused(folder):
    with pytest.raises(ArchError, match="lay the images out as PATH/train/CLASS/image"):
        load(f"imagefolder:{folder / 'nothing'}", (3, 8, 8))
    (folder / "val" / "extra").mkdir()
    Image.new("RGB", (4, 4)).save(folder / "val" / "extra" / "0.png")
    with pytest.raises(ArchError, match="name different classes"):
        load(f"imagefolder:{folder}", (3, 8, 8))
