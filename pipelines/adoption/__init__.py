"""How a model that was made elsewhere becomes one of ours: an ONNX graph whose inputs and outputs fit.

Its graph is kept as it is. Before it, operators take the one matrix `input` apart into the inputs that it
declares; behind it, others bring its answer into the form of `pipelines.onnx_graph`. So whatever serves, logs
and judges our models does the same with it. docs/how-to/register.md says what is accepted.
"""

from pipelines.adoption.adopt import Adopted, Column, adopt
from pipelines.adoption.trial import try_out

__all__ = ["Adopted", "Column", "adopt", "try_out"]
