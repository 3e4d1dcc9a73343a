"""The parameters of a run: what `params.yaml` may say.

`params.yaml` is the place for values and their comments, this package for names, types and ranges.
Every step reads only the parts that it names to `Params.only`; the same names stand in `dvc.yaml`.
"""

from contraflow.config.augment import ViewRecipe
from contraflow.config.data import Data
from contraflow.config.evaluation import Eval, Knn, Transfer
from contraflow.config.mining import MINING, Mining
from contraflow.config.params import Params, all_epochs
from contraflow.config.reading import load_params, parse_params
from contraflow.config.training import METHODS, Loss, Model, Train

__all__ = [
    "METHODS",
    "MINING",
    "Data",
    "Eval",
    "Knn",
    "Loss",
    "Mining",
    "Model",
    "Params",
    "Train",
    "Transfer",
    "ViewRecipe",
    "all_epochs",
    "load_params",
    "parse_params",
]
