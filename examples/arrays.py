"""Fits a curve to arrays in memory, and predicts from new ones: `python examples/arrays.py`."""

from __future__ import annotations

import numpy as np

import nnkit

CONFIG = {
    "name": "sine",
    "architecture": {"layers": [{"dense": 32}, {"dense": 1}]},
    "activation": {"hidden": "tanh", "output": "identity"},
    "loss": "squared_error",
    "optimizer": {"kind": "adam", "lr": 0.01},
    "training": {"epochs": 200},
}


def main() -> None:
    """Trains on a noisy sine, and compares predictions with the true values."""
    random = np.random.default_rng(0)
    x = random.uniform(-3, 3, size=(400, 1))
    y = np.sin(x) + random.normal(scale=0.1, size=x.shape)

    run = nnkit.fit(x, y, CONFIG)
    print(f"R² on the test set: {run.results['test']['r2']:.2f}")

    model = run.load()
    points = np.array([[-1.5], [0.0], [1.5]])
    for (point,), (predicted,) in zip(points, model.predict(points), strict=True):
        print(f"sin({point:4.1f}) = {np.sin(point):5.2f}, predicted {predicted:5.2f}")


if __name__ == "__main__":
    main()
