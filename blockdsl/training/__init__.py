"""Training on real data: `load` a data set, `fit` a module by a recipe."""

from blockdsl.training.data import DATASETS, Data, load
from blockdsl.training.ensemble import EnsembleResult, fit_ensemble
from blockdsl.training.evaluate import predict
from blockdsl.training.loop import fit
from blockdsl.training.results import Epoch, Result

__all__ = ["DATASETS", "Data", "EnsembleResult", "Epoch", "Result", "fit", "fit_ensemble", "load", "predict"]
