"""scikit-learn's MLPClassifier: training only."""

from __future__ import annotations

from importlib.metadata import version
from itertools import cycle, islice

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.peers.networks import CLASSES, Array, Dense
from benchmarks.peers.protocol import Assignment, Training, batches, serve

# Log loss lacks the gradient factor σ′ ≤ ¼ of squared error, so the learning rate is smaller.
LOG_LOSS_RATE = 0.5


class SklearnTraining(Training):
    """Training by `partial_fit`, a part of an epoch in a call, from weights of its own."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        row, material = self.row, self.material
        inputs, classes = material.load("inputs"), material.load("classes")
        parts = zip(batches(inputs, self.samples), batches(classes, self.samples), strict=True)
        self.parts = cycle(parts)
        *hidden, _ = (layer.units for layer in row.layers if isinstance(layer, Dense))
        method = (
            {"activation": "logistic", "solver": "sgd", "momentum": 0.0}
            if row.squared
            else {"activation": "relu", "solver": "adam"}
        )
        self.classifier = MLPClassifier(
            hidden,
            **method,
            learning_rate_init=LOG_LOSS_RATE if row.squared else row.lr,
            batch_size=self.batch,
            alpha=0.0,
            random_state=0,
        )

    def repeat(self, times: int) -> None:
        for X, classes in islice(self.parts, times):
            self.classifier.partial_fit(X, classes, classes=np.arange(CLASSES))

    def outputs(self, X: Array) -> Array:
        return self.classifier.predict_proba(X)


if __name__ == "__main__":
    serve(SklearnTraining, None, {"scikit-learn": version("scikit-learn")})
