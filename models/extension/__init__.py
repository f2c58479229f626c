"""A user's own model, data and training, under the names of TF-Ranking's pipeline guide.

Inputs, preprocessing and scores are functions; a model builder makes a model of them, a dataset
builder batches of files of ELWCs, and a pipeline trains the one on the other and exports it.
"""

from models.extension import keras
from models.extension.builders import AbstractModelBuilder
from models.extension.builders import KerasModelBuilder
from models.extension.builders import ModelBuilder
from models.extension.builders import ModelBuilderWithMask
from models.extension.datasets import AbstractDatasetBuilder
from models.extension.datasets import BaseDatasetBuilder
from models.extension.datasets import MultiLabelDatasetBuilder
from models.extension.datasets import NullDatasetBuilder
from models.extension.datasets import SimpleDatasetBuilder
from models.extension.hparams import DatasetHparams
from models.extension.hparams import PipelineHparams
from models.extension.inputs import FeatureSpecInputCreator
from models.extension.inputs import InputCreator
from models.extension.inputs import TypeSpecInputCreator
from models.extension.pipeline import ModelFitPipeline
from models.extension.pipeline import MultiTaskPipeline
from models.extension.pipeline import SimplePipeline
from models.extension.pipeline import Trained
from models.extension.preprocess import Preprocessor
from models.extension.preprocess import PreprocessorWithSpec
from models.extension.scorers import DNNScorer
from models.extension.scorers import GAMScorer
from models.extension.scorers import Scorer
from models.extension.scorers import UnivariateScorer

__all__ = [
    "AbstractDatasetBuilder",
    "AbstractModelBuilder",
    "BaseDatasetBuilder",
    "DNNScorer",
    "DatasetHparams",
    "FeatureSpecInputCreator",
    "GAMScorer",
    "InputCreator",
    "KerasModelBuilder",
    "ModelBuilder",
    "ModelBuilderWithMask",
    "ModelFitPipeline",
    "MultiLabelDatasetBuilder",
    "MultiTaskPipeline",
    "NullDatasetBuilder",
    "PipelineHparams",
    "Preprocessor",
    "PreprocessorWithSpec",
    "Scorer",
    "SimpleDatasetBuilder",
    "SimplePipeline",
    "Trained",
    "TypeSpecInputCreator",
    "UnivariateScorer",
    "keras",
]
