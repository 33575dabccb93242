"""What other libraries call an operation or an argument, for the help of messages.

Names are those of PyTorch, Keras and Caffe. They are compared without case and underscores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from blockdsl.ops.registry import all_operations

REMARKS = {
    "separableconv2d": "DWCONV(kernel)-CONV(channels,1) is a separable convolution",
    "dropout1d": "DROPOUT(per=channel) drops whole channels",
    "dropout2d": "DROPOUT(per=channel) drops whole channels",
    "dropout3d": "DROPOUT(per=channel) drops whole channels",
    "spatialdropout2d": "DROPOUT(per=channel) drops whole channels",
    "const": "a number is bound by `let name = 3`; SHIFT and SCALE take numbers, WEIGHT is trained",
    "constant": "a number is bound by `let name = 3`; SHIFT and SCALE take numbers, WEIGHT is trained",
    "activation": "an activation is an operation of its own: RELU, GELU, TANH, …",
    "sequential": "networks follow each other by -: CONV(8,3)-BN-RELU",
    "inputlayer": "the input is a line of its own: input 3x224x224",
}
"""What has no counterpart of one name."""

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "outchannels": ("channels",),
    "filters": ("channels",),
    "numfilters": ("channels",),
    "numoutput": ("channels", "features"),
    "outfeatures": ("features",),
    "units": ("features",),
    "numclasses": ("classes", "features"),
    "kernelsize": ("kernel",),
    "poolsize": ("kernel",),
    "filtersize": ("kernel",),
    "ksize": ("kernel",),
    "windowsize": ("kernel",),
    "strides": ("stride",),
    "subsample": ("stride",),
    "padding": ("pad",),
    "outputpadding": ("output_pad",),
    "dilationrate": ("dilation",),
    "dilations": ("dilation",),
    "numgroups": ("groups",),
    "group": ("groups",),
    "depthmultiplier": ("multiplier",),
    "usebias": ("bias",),
    "biasterm": ("bias",),
    "rate": ("p",),
    "dropprob": ("p",),
    "droprate": ("p",),
    "dropoutratio": ("p",),
    "probability": ("p",),
    "dropout": ("p",),
    "stddev": ("std",),
    "blocksize": ("block", "size"),
    "upscalefactor": ("block",),
    "downscalefactor": ("block",),
    "epsilon": ("eps",),
    "elementwiseaffine": ("affine",),
    "localsize": ("size",),
    "depthradius": ("size",),
    "normtype": ("norm",),
    "ceilmode": ("ceil",),
    "countincludepad": ("include_pad",),
    "outputsize": ("size",),
    "targetshape": ("dims",),
    "shape": ("dims",),
    "scalefactor": ("factor",),
    "interpolation": ("mode",),
    "aligncorners": ("align",),
    "negativeslope": ("slope",),
    "lambd": ("threshold",),
    "minval": ("low",),
    "maxval": ("high",),
    "lower": ("low",),
    "upper": ("high",),
    "numheads": ("heads",),
    "initvalues": ("init",),
    "layerscaleinit": ("init",),
    "chunks": ("parts",),
    "splits": ("parts",),
    "learningrate": ("lr",),
    "baselr": ("lr",),
    "decay": ("weight_decay",),
    "alpha": ("decay", "slope"),
    "rho": ("decay",),
    "betas": ("beta1", "beta2"),
    "gamma": ("factor",),
    "stepsize": ("every",),
    "milestones": ("at",),
    "etamin": ("floor",),
    "prob": ("p",),
    "batchsize": ("batch",),
    "maxepochs": ("epochs",),
    "numepochs": ("epochs",),
    "scheduler": ("schedule",),
    "lrscheduler": ("schedule",),
    "lrschedule": ("schedule",),
    "criterion": ("loss",),
    "gradclip": ("clip",),
    "clipnorm": ("clip",),
    "augmentation": ("augment",),
    "initialization": ("init",),
    "initialisation": ("init",),
}
"""What others call an argument of an operation, a recipe's term or a recipe."""

_INFERRED = {
    "inchannels", "infeatures", "inputchannels", "numfeatures", "numchannels", "embeddim", "dmodel",
    "normalizedshape", "inputshape", "inputdim", "inputsize", "indim", "inplanes", "numparameters",
}  # fmt: skip

_ARGUMENT_REMARKS = {
    "activation": "an activation is an operation of its own, after this one: -RELU",
    "inplace": "leave it out: it does not change what is computed",
    "paddingmode": "PAD(pad, mode=…) before it pads with other values than 0",
    "name": "a name stands before: conv1:CONV(64,3)",
    "kernelinitializer": "weights are initialised as `init` in `train` says",
    "biasinitializer": "weights are initialised as `init` in `train` says",
    "dataformat": "leave it out: images are channels x rows x columns",
    "device": "leave it out: what builds the network chooses the device",
    "dtype": "leave it out: what builds the network chooses the type",
    "dim": "leave it out: an image has its channels in one place",
    "axis": "leave it out: an image has its channels in one place",
}


_RANK = re.compile("[123]d$")


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def counterpart(name: str) -> str:
    """The operation that another library calls by a name; nothing if there is none.

    The rank at its end does not matter.

    >>> counterpart("BatchNorm2d"), counterpart("MaxPool1d")
    ('BN', 'POOL')
    """
    wanted = {_plain(name), _RANK.sub("", _plain(name))}
    found = (ours for ours, operation in all_operations().items() if not wanted.isdisjoint(operation.aliases))
    return next(found, "")


def remark(name: str) -> str:
    """What to say of another library's operation that has no counterpart of one name, or nothing."""
    return REMARKS.get(_plain(name), "")


def ours(name: str) -> str:
    """What an argument of another library is called here in most places, or nothing.

    >>> ours("learning_rate")
    'lr'
    """
    return _ARGUMENTS.get(_plain(name), ("",))[0]


def argument(name: str, names: Sequence[str]) -> str:
    """The help for an argument that goes by another name: which of `names` it is, or that it is left out.

    >>> argument("kernel_size", ["channels", "kernel"])
    'kernel_size is kernel here'
    """
    plain = _plain(name)
    found = [ours for ours in _ARGUMENTS.get(plain, ()) if ours in names]
    if found:
        return f"{name} is {' and '.join(found if plain == 'betas' else found[:1])} here"
    if plain in _INFERRED:
        return f"leave out {name}: it is inferred from what flows in"
    return _ARGUMENT_REMARKS.get(plain, "")
