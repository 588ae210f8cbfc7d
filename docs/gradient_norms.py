"""Prints how gradients change on their way back through time, and draws docs/gradient_norms.svg.

For recurrent layers with initial weights on the adding problem, it is the norm of the gradient of
the state after each step, relative to that after the last. Run `python -m docs.gradient_norms`; it
needs matplotlib.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

import nnkit
from docs.refresh import ROOT
from nnkit.nn.params import Array
from nnkit.nn.passes import Observer
from nnkit.task.prepared_set import pass_of
from nnkit.task.task_loading import load_task

CONFIG = ROOT / "configs" / "adding.yaml"
PICTURE = ROOT / "docs" / "gradient_norms.svg"
SAMPLES = 200
SHOWN = (100, 95, 90, 80, 60, 40, 20, 1)  # steps


def drawn(deviation: float) -> dict[str, Any]:
    """A simple recurrent layer whose weights W are drawn from a normal distribution."""
    return {"rnn": {"units": 32, "recurrent_initializer": {"normal": deviation}}}


LAYERS: dict[str, dict[str, Any]] = {
    "`rnn`, W of deviation 0.1": drawn(0.1),
    "`rnn`, W of deviation 0.5": drawn(0.5),
    "`rnn`, W orthogonal": {"rnn": 32},
    "`rnn` of ReLU, W = I": {
        "rnn": {"units": 32, "activation": "relu", "recurrent_initializer": "identity"}
    },
    "`gru`": {"gru": 32},
    "`lstm`, forget bias 0": {"lstm": {"units": 32, "forget_bias": 0}},
    "`lstm`, forget bias 1": {"lstm": 32},
}


class StateGradients(Observer):
    """Keeps the norm of the gradient of the state after each step of a layer, by position."""

    def __init__(self) -> None:
        self.norms: dict[int, float] = {}

    def step_back(
        self,
        name: str,
        position: int,
        gradients: Mapping[str, Array],
        contributions: Mapping[str, Array],
    ) -> None:
        of_state = [array for symbol, array in gradients.items() if "∂E/∂a" not in symbol]
        self.norms[position] = float(np.linalg.norm(np.concatenate(of_state)))


def norms_of(layer: dict[str, Any]) -> Array:
    """The norms of the gradients after all steps, (T,), relative to that after the last."""
    layers = [layer, {"dense": 1}]
    overrides = [f"architecture.layers={json.dumps(layers)}", "training.precision=float64"]
    task = load_task(nnkit.load_config(CONFIG, overrides))
    model, found = task.build_model(), StateGradients()
    batch = task.prepare(task.sets["train"], model).batch(slice(SAMPLES))
    network = model.bind(SAMPLES, training=True)
    now = pass_of(batch, training=True)._replace(observer=found)
    network.loss_and_gradient(batch.X, batch.T, now)
    norms = np.array([found.norms[position] for position in sorted(found.norms)])
    return norms / norms[-1]


def main() -> None:
    """Prints a Markdown table and draws the picture."""
    found = {label: norms_of(layer) for label, layer in LAYERS.items()}
    print("| layer |", " | ".join(f"t = {t}" for t in SHOWN), "|")
    print("|---|", "---|" * len(SHOWN), sep="")
    for label, norms in found.items():
        print(f"| {label} |", " | ".join(f"{norms[t - 1]:.3g}" for t in SHOWN), "|")
    draw(found)


def draw(found: Mapping[str, Array]) -> None:
    """Draws the norms on a logarithmic scale."""
    mpl.rcParams["svg.hashsalt"] = "nnkit"  # makes the output deterministic
    figure, axes = plt.subplots(figsize=(8, 4), layout="tight")
    for number, (label, norms) in enumerate(found.items()):
        style = ("-", "--")[number % 2]  # some curves coincide
        axes.semilogy(np.arange(1, len(norms) + 1), norms, style, label=label.replace("`", ""))
    axes.set(xlabel="step t", ylabel="‖∂E/∂s(t)‖ / ‖∂E/∂s(T)‖", xlim=(1, 100))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(PICTURE, metadata={"Date": None}, facecolor="white")


if __name__ == "__main__":
    main()
