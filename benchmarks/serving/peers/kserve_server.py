"""A KServe model server around a scikit-learn model, as KServe's documentation shows: a Model subclass."""

import argparse
import sys
import time
from pathlib import Path

from kserve import InferOutput, InferResponse, Model, ModelServer, model_server
from kserve.utils.utils import generate_uuid

sys.path.insert(0, str(Path(__file__).parent))
from estimators import fit, unfitted  # type: ignore[import-not-found]


class Classifier(Model):
    """Predicts labels by `predict`, as KServe's sklearnserver does."""

    def load(self):
        model = unfitted(self.name)
        began = time.perf_counter()
        self.model = fit(model)
        print(f"fit_s {time.perf_counter() - began:.4f}", flush=True)
        self.ready = True
        return True

    def predict(self, payload, headers=None, response_headers=None):
        labels = self.model.predict(payload.inputs[0].as_numpy())
        output = InferOutput("label", list(labels.shape), "INT64")
        output.set_data_from_numpy(labels, binary_data=False)
        return InferResponse(payload.id or generate_uuid(), self.name, [output])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--name", required=True)
    arguments, _ = parser.parse_known_args()
    served = Classifier(arguments.name)
    served.load()
    ModelServer(workers=1, enable_grpc=False, access_log_format=None).start([served])
