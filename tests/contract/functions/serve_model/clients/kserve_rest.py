"""Calls models through KServe's own REST client. Arguments: the classifier's address, the mixed model's.

Prints what the client made of each answer, as one JSON object.
"""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def version_1(base: str, model: str) -> dict:
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    answer = await client.infer(base, {"instances": [[1, 2, 3], [-1, 0, 0]]}, model_name=model)
    try:
        await client.infer(base, {"instances": [[1]]}, model_name=model)
        error = None
    except httpx.HTTPStatusError as refused:
        error = str(refused)
    return {
        "live": await client.is_server_live(base),
        "model_ready": await client.is_model_ready(base, model),
        "predictions": answer["predictions"],
        "ids": answer["prediction_ids"],
        "error": error,
    }


def tensor(name: str, values: list, datatype: str, binary: bool) -> InferInput:
    kinds = {"FP32": np.float32, "BYTES": np.object_, "BOOL": np.bool_}
    data = np.array(values, dtype=kinds[datatype])
    made = InferInput(name=name, shape=list(data.shape), datatype=datatype)
    made.set_data_from_numpy(data, binary_data=binary)
    return made


def seen(answer) -> dict:
    return {
        "model": answer.model_name,
        "version": answer.parameters["model_version"],
        "id": answer.id,
        "outputs": {
            output.name: [
                value.decode() if isinstance(value, bytes) else value
                for value in output.as_numpy().ravel().tolist()
            ]
            for output in answer.outputs
        },
    }


async def version_2(base: str, model: str, mixed: str) -> dict:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    found = {
        "server_ready": await client.is_server_ready(base),
        "server_live": await client.is_server_live(base),
        "model_ready": await client.is_model_ready(base, model),
    }
    for form, binary in (("json", False), ("binary", True)):
        matrix = tensor("input", [[1, 2, 3], [-1, 0, 0]], "FP32", binary)
        request = InferRequest(model_name=model, infer_inputs=[matrix], request_id="mine")
        found[form] = seen(await client.infer(base, request, model_name=model))
        named = [
            tensor("amount", [-1.5, 0.0], "FP32", binary),
            tensor("country", ["DE", "Köln"], "BYTES", binary),
            tensor("active", [True, False], "BOOL", binary),
        ]
        request = InferRequest(model_name=mixed, infer_inputs=named)
        found[f"{form} named"] = seen(await client.infer(sys.argv[2], request, model_name=mixed))
    try:
        wrong = InferRequest(model_name=model, infer_inputs=[tensor("input", [[1.0]], "FP32", False)])
        await client.infer(base, wrong, model_name=model)
    except httpx.HTTPStatusError as refused:
        found["error"] = str(refused)
    return found


async def main() -> None:
    base = sys.argv[1]
    print(json.dumps({"v1": await version_1(base, "churn"), "v2": await version_2(base, "churn", "mixed")}))


asyncio.run(main())
