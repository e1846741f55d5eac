"""How named raw values become the one float32 matrix that a model takes.

The encoding is fitted in training, travels as JSON inside model.onnx, and is applied again where the model
serves; numpy and the standard library are all it needs there.
"""

from pipelines.encoding.encoding import Encoding
from pipelines.encoding.errors import EncodingError, EncodingProblem
from pipelines.encoding.feature import Feature

__all__ = ["Encoding", "EncodingError", "EncodingProblem", "Feature"]
