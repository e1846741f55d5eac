"""An MLServer runtime around a scikit-learn model, as MLServer's documentation shows: an MLModel subclass."""

import sys
import time
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse

sys.path.insert(0, str(Path(__file__).parent))
from estimators import fit, unfitted  # type: ignore[import-not-found]


class Classifier(MLModel):
    """Predicts labels by `predict`, as MLServer's scikit-learn runtime does."""

    async def load(self):
        model = unfitted(self.name)
        began = time.perf_counter()
        self.model = fit(model)
        print(f"fit_s {time.perf_counter() - began:.4f}", flush=True)
        return True

    async def predict(self, payload):
        labels = self.model.predict(NumpyCodec.decode_input(payload.inputs[0]))
        output = NumpyCodec.encode_output("label", labels)
        return InferenceResponse(model_name=self.name, outputs=[output])
