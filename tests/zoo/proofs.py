"""For every network of the zoo the same network from elsewhere, and how the two are compared.

The weights are carried over by `blockdsl.transfer`, so that the proof is also one of that. Sizes are
small where the networks allow; what has fully connected layers over pixels runs at its own size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from blockdsl.ops import InputSizes
from blockdsl.resources import names
from tests.zoo import beyond_images, cell_nets, classic_nets, detectors, modern_nets
from tests.zoo.modern_nets import from_pytorchcv, from_timm, torchvision
from tests.zoo.test_classics import OWN as CLASSICS
from tests.zoo.test_residual import OWN as RESIDUAL

Change = Callable[[nn.Module], None]
Outputs = Tensor | tuple[Tensor, ...]
Results = tuple[Outputs, dict[str, Tensor]]
OWN = "written in the tests from the paper"
OWN_CODE = "written in the tests from the authors' code"
CIFAR, SMALL, SMALLER = (3, 32, 32), (3, 64, 64), (3, 16, 16)


def nothing(net: nn.Module) -> None:
    """Nothing differs."""


def several(out: Any) -> Results:
    """Several outputs, in their order, by whatever names."""
    return tuple(out.values() if isinstance(out, Mapping) else out), {}


@dataclass(frozen=True)
class Proof:
    """A network from elsewhere to compare one of the zoo with.

    Attributes:
        source: where it is from, in words.
        make: makes it; runs under `torch.device("meta")`.
        input: what to compare at, as `blockdsl.load` takes it; the file's own if None.
        change: sets right what is known to differ from the paper, and `differs` says what that is.
        step: whether the gradients of a training step are compared too.
        read: how what the reference returns is read as (outputs, heads by name), where it is no tensor.
        plain: carry tensor by tensor in order: the reference has no layers, just weights.
        trust_order: some layers are told by nothing but their order of registration.
    """

    source: str
    make: Callable[[], nn.Module]
    input: InputSizes | None = None
    change: Change = nothing
    differs: str = ""
    step: bool = False
    read: Callable[[Any], Results] = several
    plain: bool = False
    trust_order: bool = False


# --- what differs


def any_size(net: nn.Module) -> None:
    """pytorchcv ends in a pool of fixed size; the mean of all positions is the same at the usual one."""
    net.features.final_pool = nn.AdaptiveAvgPool2d(1)  # type: ignore[union-attr]


def small_vgg(net: nn.Module) -> None:
    """torchvision stretches small images to 7x7; ours connects the positions there are: 2x2 of 64x64."""
    net.avgpool = nn.Identity()
    net.classifier[0] = nn.Linear(512 * 2 * 2, 4096)  # type: ignore[operator]


def padded_classifier(net: nn.Module) -> None:
    """The authors' conv10 has a pad of 1; torchvision's has none."""
    net.classifier[1].padding = (1, 1)  # type: ignore[index, union-attr]


def unpadded_means(net: nn.Module) -> None:
    """TensorFlow leaves the padding out of the mean; torchvision counts it."""
    for block in net.modules():
        pool = getattr(block, "branch_pool", None)
        if pool is None:
            continue
        seen: list[Tensor] = []

        def keep(_: nn.Module, inputs: tuple[Tensor, ...], seen: list[Tensor] = seen) -> None:
            seen[:] = inputs

        def replace(_: nn.Module, __: object, seen: list[Tensor] = seen) -> Tensor:
            return F.avg_pool2d(seen.pop(), 3, 1, 1, count_include_pad=False)

        block.register_forward_pre_hook(keep)
        pool.register_forward_pre_hook(replace)


def papers_end(net: nn.Module) -> None:
    """pytorchcv's Inception-ResNet-v1 is facenet's: one more module, and a bottleneck of 512."""
    net.features.stage3.unit7, net.output = nn.Identity(), nn.Linear(1792, 1000)  # type: ignore[union-attr]
    any_size(net)


def one_head(out: Any) -> Results:
    return out[0], {"aux": out[1]}


def inception_heads(out: Any) -> Results:
    return out.logits, {"aux": out.aux_logits}


# --- the table


def of_torchvision(name: str, input: InputSizes | None = SMALL, **more: Any) -> Proof:
    arguments = {"init_weights": False} if name == "inception_v3" else {}
    return Proof(f"torchvision {name}", lambda: getattr(torchvision, name)(**arguments), input, **more)


def of_timm(name: str, input: InputSizes, **more: Any) -> Proof:
    return Proof(f"timm {name}", lambda: from_timm(name), input, **more)


def of_pytorchcv(name: str, input: InputSizes, **more: Any) -> Proof:
    return Proof(f"pytorchcv {name}", lambda: from_pytorchcv(name), input, **more)


def own(name: str, input: InputSizes | None = None, **more: Any) -> Proof:
    return Proof(OWN, (CLASSICS | RESIDUAL | beyond_images.OWN)[name], input, **more)


STEPS = {"mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2", "regnety_400mf"}
STEPS |= {"convnext_tiny", "vit_b_16", "unet"}


def modern(name: str, reference: modern_nets.Reference) -> Proof:
    make, shape = reference.make_small or reference.make, reference.small
    change = nothing if shape else any_size
    return Proof(reference.source, make, shape or SMALL, change, step=name in STEPS)


VGG = "its head takes 64x64"
PROOFS: dict[str, Proof] = {
    "lenet5": own("lenet5", step=True),
    "lenet5_1998": own("lenet5_1998", plain=True),
    "ciresan_mlp": own("ciresan_mlp", step=True),
    "ciresan_mlp_9": own("ciresan_mlp_9"),
    "alexnet": own("alexnet"),
    "alexnet_two_towers": own("alexnet_two_towers"),
    "alexnet_single_tower": own("alexnet_single_tower", step=True),
    "caffenet": own("caffenet"),
    "zfnet": own("zfnet"),
    "zfnet_b": own("zfnet_b"),
    "overfeat_fast": own("overfeat_fast"),
    "overfeat_accurate": own("overfeat_accurate"),
    **{
        f"vgg{n}{bn}": of_torchvision(f"vgg{n}{bn}", change=small_vgg, differs=VGG, step=n == 11)
        for n in (11, 13, 16, 19)
        for bn in ("", "_bn")
    },
    "vgg16": of_torchvision("vgg16", None),
    "nin_cifar10": own("nin_cifar10", step=True),
    "nin_imagenet": own("nin_imagenet"),
    "inception_module_naive": own("inception_module_naive"),
    "inception_module_reduced": own("inception_module_reduced"),
    "googlenet": Proof(
        OWN,
        classic_nets.GoogLeNet,
        read=lambda out: (out[0], {"aux1": out[1], "aux2": out[2]}),
        step=True,
    ),
    "bn_inception": own("bn_inception", step=True),
    "inception_v3": of_torchvision(
        "inception_v3",
        (3, 299, 299),
        change=unpadded_means,
        differs="counts padding in its means",
        step=True,
        read=inception_heads,
    ),
    "inception_v4": of_timm("inception_v4", (3, 139, 139), step=True),
    "inception_resnet_v1": of_pytorchcv(
        "inceptionresnetv1", (3, 139, 139), change=papers_end, differs="is facenet's, with another end"
    ),
    "inception_resnet_v1_facenet": of_pytorchcv("inceptionresnetv1", (3, 139, 139), change=any_size),
    "inception_resnet_v2": of_timm("inception_resnet_v2", (3, 139, 139), step=True),
    "squeezenet1_0": of_torchvision(
        "squeezenet1_0", change=padded_classifier, differs="has no pad in conv10", step=True
    ),
    "squeezenet1_1": of_torchvision("squeezenet1_1"),
    "resnet18": of_torchvision("resnet18", step=True),
    "resnet34": of_torchvision("resnet34"),
    **{f"resnet{n}": of_pytorchcv(f"resnet{n}", SMALL, change=any_size) for n in (50, 101, 152)},
    **{f"resnet{n}_v1_5": of_torchvision(f"resnet{n}", step=n == 50) for n in (50, 101, 152)},
    **{f"resnet{6 * n + 2}": own(f"resnet{6 * n + 2}", SMALLER, step=n == 3) for n in (3, 5, 7, 9, 18, 200)},
    **{f"plain{6 * n + 2}": own(f"plain{6 * n + 2}", SMALLER, step=n == 3) for n in (3, 5, 7, 9, 18)},
    "plain18": own("plain18", SMALL),
    "plain34": own("plain34", SMALL),
    "stochastic_depth_110": own("stochastic_depth_110", SMALLER),
    "wrn_16_8": own("wrn_16_8", SMALLER, step=True),
    "wrn_28_10": of_pytorchcv("wrn28_10_cifar10", SMALLER, change=any_size),
    "wrn_40_4": own("wrn_40_4", SMALLER),
    "wrn_50_2": of_torchvision("wide_resnet50_2"),
    "preact_resnet164": own("preact_resnet164", SMALLER, step=True),
    "preact_resnet1001": own("preact_resnet1001", SMALLER),
    "preact_resnet200": own("preact_resnet200", SMALL),
    "resnext50_32x4d": of_torchvision("resnext50_32x4d", step=True),
    "se_resnet50": of_timm("legacy_seresnet50", SMALL, step=True),
    "densenet_40_12": own("densenet_40_12", SMALLER, step=True),
    "densenet_100_12": own("densenet_100_12", SMALLER),
    "densenet_100_24": own("densenet_100_24", SMALLER),
    **{
        f"densenet_bc_{n}_{k}": of_pytorchcv(f"densenet{n}_k{k}_bc_cifar10", SMALLER, change=any_size)
        for n, k in ((100, 12), (190, 40), (250, 24))
    },
    **{f"densenet{n}": of_torchvision(f"densenet{n}", step=n == 121) for n in (121, 161, 169, 201)},
    **{name: own(name, CIFAR) for name in names("zoo") if name.startswith("fractalnet")},
    "darts_v2": Proof(OWN_CODE, cell_nets.Darts, step=True, read=one_head),
    "nasnet_a_mobile": Proof(
        "pytorchcv nasnet_4a1056 and an auxiliary head", cell_nets.NasNetMobile, step=True, read=one_head
    ),
    "hrnet_w18": of_timm("hrnet_w18", SMALL, step=True),
    "resnet50_fpn": Proof(
        "torchvision retinanet_resnet50_fpn",
        detectors.RetinaNet,
        SMALL,
        detectors.papers_retinanet,
        "has P6 of P5 and strides on the 3x3",
        step=True,
    ),
    "yolov5s": Proof(OWN_CODE, detectors.YoloV5, SMALL, step=True),
    "siamese": own("siamese", step=True),
    "r3d_18": Proof("torchvision r3d_18", torchvision.video.r3d_18, (3, 8, 32, 32), step=True),
    "m5": own("m5", step=True),
    "tcn": own("tcn", change=beyond_images.folded, differs="normalises its weights", step=True),
    "dcgan": own("dcgan", step=True),
    "dcgan_discriminator": own("dcgan_discriminator", step=True),
    **{name: modern(name, reference) for name, reference in modern_nets.REFERENCES.items()},
}

BY_ORDER = {"alexnet_two_towers", "bn_inception", "inception_v3", "inception_v4", "inception_resnet_v2"}
BY_ORDER |= {"darts_v2", "nasnet_a_mobile", "resnet50_fpn", "yolov5s"}
BY_ORDER |= {"shufflenet_v1", *(name for name in PROOFS if name.startswith("fractalnet"))}
BY_ORDER -= {"fractalnet_ultra_5"}  # of one column
PROOFS |= {name: replace(PROOFS[name], trust_order=True) for name in BY_ORDER}
