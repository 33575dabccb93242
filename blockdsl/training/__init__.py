"""Training on real data: `load` a data set, `fit` a module by a recipe."""

from blockdsl.training.data import DATASETS, Data, load
from blockdsl.training.ensemble import EnsembleResult, fit_ensemble
from blockdsl.training.evaluate import check_outputs, predict, reported_output
from blockdsl.training.job import Job, job
from blockdsl.training.loop import fit, overridden
from blockdsl.training.results import Epoch, Result
from blockdsl.training.runtime import check_device
from blockdsl.training.start import Start, carry_weights, layers_until

__all__ = [
    "DATASETS",
    "Data",
    "EnsembleResult",
    "Epoch",
    "Job",
    "Result",
    "Start",
    "carry_weights",
    "check_device",
    "check_outputs",
    "fit",
    "fit_ensemble",
    "job",
    "layers_until",
    "load",
    "overridden",
    "predict",
    "reported_output",
]
