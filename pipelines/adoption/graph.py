"""A graph in the making: the operators that are added to a model, and their constants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StepError

THEIRS = "theirs_"
"""What the names of the model's own values begin with, so that ours are free."""

FORMAT = (
    "register a model as docs/how-to/register.md describes it: one tensor of floats [N, features], or an "
    "input per feature [N, 1]"
)


class Mismatch(StepError):
    """A model whose inputs or outputs do not fit the data."""

    def __init__(self, problem: str, fix: str = FORMAT) -> None:
        super().__init__(f"the model does not fit: {problem}", fix)


@dataclass(frozen=True)
class Tensor:
    """An input or an output that a graph declares.

    Attributes:
        element: the type of its elements, such as `float`, `int64` or `string`; empty: it is no tensor.
        shape: its dimensions, None where one is not fixed; None when it is not declared.
    """

    name: str
    element: str
    shape: tuple[int | None, ...] | None

    @classmethod
    def of(cls, declared: Any) -> Tensor:
        """Read what an onnx.ValueInfoProto says."""
        from onnx import TensorProto

        if declared.type.WhichOneof("value") != "tensor_type":
            return cls(declared.name, "", None)
        tensor = declared.type.tensor_type
        shape = None
        if tensor.HasField("shape"):
            dims = tensor.shape.dim
            shape = tuple(d.dim_value if d.WhichOneof("value") == "dim_value" else None for d in dims)
        return cls(declared.name, TensorProto.DataType.Name(tensor.elem_type).lower(), shape)

    def __str__(self) -> str:
        dims = (
            None
            if self.shape is None
            else ", ".join("N" if each is None else str(each) for each in self.shape)
        )
        shape = "of any shape" if dims is None else f"[{dims}]"
        return f"'{self.name[:60]}' ({self.element or 'no tensor'} {shape})"

    @property
    def inside(self) -> str:
        """Its name in the graph that is made of it."""
        return THEIRS + self.name


@dataclass
class Addition:
    """Operators and constants to add; `prefix` keeps what they name apart from other additions."""

    prefix: str
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, value: NDArray[Any]) -> str:
        """Add a constant; return its name."""
        from onnx import helper, numpy_helper

        name = f"{self.prefix}_constant_{len(self.constants)}"
        if value.dtype == object:  # texts
            texts: Any = [str(each).encode("utf-8", "surrogatepass") for each in value.ravel()]
            made = helper.make_tensor(name, 8, value.shape, texts)
        else:
            made = numpy_helper.from_array(value, name)
        self.constants.append(made)
        return name

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add an operator; return the name of its output."""
        from onnx import helper

        output = output or f"{self.prefix}_value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def cast(self, value: str, element: str, output: str = "") -> str:
        """Add a cast to a type of elements."""
        from onnx import TensorProto

        return self.node("Cast", value, output=output, to=TensorProto.DataType.Value(element.upper()))

    def reshape(self, value: str, *shape: int, output: str = "") -> str:
        """Add a change of shape."""
        return self.node("Reshape", value, self.constant(np.array(shape, dtype=np.int64)), output=output)

    def columns(self, value: str, positions: list[int]) -> str:
        """Take columns of a matrix, [N, places]."""
        return self.node("Gather", value, self.constant(np.array(positions, dtype=np.int64)), axis=1)
