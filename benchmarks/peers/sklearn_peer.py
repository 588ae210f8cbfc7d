"""scikit-learn's MLPClassifier: training only."""

from __future__ import annotations

import warnings
from importlib.metadata import version

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.peers.protocol import Array, Assignment, Dense, Training, serve

# Log loss lacks the gradient factor σ′ ≤ ¼ of squared error, so the learning rate is smaller.
LOG_LOSS_RATE = 0.5


class SklearnTraining(Training):
    """Training by `fit`, which draws its own initial weights."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        row, material = self.row, self.material
        self.X, self.classes = material.load("inputs"), material.load("classes")
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
            n_iter_no_change=1_000_000,
            random_state=0,
        )

    def reset(self) -> None:
        """Does nothing, because `fit` starts anew."""

    def repeat(self, times: int) -> None:
        self.classifier.set_params(max_iter=times)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.classifier.fit(self.X, self.classes)

    def outputs(self, X: Array) -> Array:
        return self.classifier.predict_proba(X)


if __name__ == "__main__":
    serve(SklearnTraining, None, {"scikit-learn": version("scikit-learn")})
