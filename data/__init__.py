"""What one ranked list is: the feature spec, the wire format, the readers of raw logs.

Importing this package loads no TensorFlow; the modules that compute with it are imported by name.
"""

from data.errors import InputError
from data.errors import did_you_mean
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform

__all__ = [
    "DType",
    "Feature",
    "FeatureSpec",
    "InputError",
    "Scope",
    "Transform",
    "did_you_mean",
]
