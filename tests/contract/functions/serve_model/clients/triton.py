"""Calls models through NVIDIA's tritonclient[http]. Arguments: the classifier's address, the mixed model's.

Prints what the client made of each answer, as one JSON object.
"""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


def connect(address: str) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(address.removeprefix("http://"))


def tensor(name: str, values: list, datatype: str, binary: bool) -> triton.InferInput:
    kinds = {"FP32": np.float32, "BYTES": np.object_, "BOOL": np.bool_}
    data = np.array(values, dtype=kinds[datatype])
    made = triton.InferInput(name, list(data.shape), datatype)
    made.set_data_from_numpy(data, binary_data=binary)
    return made


def plain(array: np.ndarray) -> list:
    return [value.decode() if isinstance(value, bytes) else value for value in array.ravel().tolist()]


def main() -> None:
    churn, mixed = connect(sys.argv[1]), connect(sys.argv[2])
    matrix = [[1, 2, 3], [-1, 0, 0]]
    found = {
        "live": churn.is_server_live(),
        "ready": churn.is_server_ready(),
        "model_ready": churn.is_model_ready("churn"),
        "version_ready": churn.is_model_ready("churn", "1"),
        "server": churn.get_server_metadata()["extensions"],
        "inputs": [entry["name"] for entry in churn.get_model_metadata("churn")["inputs"]],
    }
    names = ["label", "probabilities", "prediction_id"]
    for form, binary in (("binary", True), ("json", False)):
        answer = churn.infer("churn", [tensor("input", matrix, "FP32", binary)], request_id="mine")
        found[form] = {name: plain(answer.as_numpy(name)) for name in names}
        wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
        answer = churn.infer("churn", [tensor("input", matrix, "FP32", binary)], outputs=wanted)
        found[f"{form} wanted"] = {name: plain(answer.as_numpy(name)) for name in names}
        named = [
            tensor("amount", [-1.5, 0.0], "FP32", binary),
            tensor("country", ["DE", "Köln"], "BYTES", binary),
            tensor("active", [True, False], "BOOL", binary),
        ]
        found[f"{form} named"] = plain(mixed.infer("mixed", named).as_numpy("label"))
    only = churn.infer(
        "churn", [tensor("input", matrix, "FP32", True)], outputs=[triton.InferRequestedOutput("label")]
    )
    found["only label"] = [output["name"] for output in only.get_response()["outputs"]]
    found["ids in parameters"] = only.get_response()["parameters"]["prediction_ids"].split(",")
    try:
        churn.infer("churn", [tensor("input", [[1]], "FP32", True)])
    except InferenceServerException as refused:
        found["error"] = f"{refused.status()} {refused.message()}"
    churn.close()
    mixed.close()
    print(json.dumps(found))


main()
