"""Writes keras.json: reference values of Keras and Optax for the components shared with nnkit.

Run it with Keras, JAX and Optax installed (nnkit is not needed), after adding a row to a table:

    python tests/golden/make_keras_vectors.py

Components that Keras defines differently are omitted: Adam, Adagrad and RMSprop with epsilon in
another place, Adamax with epsilon added to the largest gradient, LAMB with weight decay separate
from the step, and the Poisson loss with 1e-7 inside the logarithm.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ |= {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"}

import jax
import keras
import numpy as np
import optax

Spec = dict[str, Any]
STEPS = 20


def halving() -> Any:
    """Returns a schedule whose rates are exact in float32, in which Keras computes them."""
    return keras.optimizers.schedules.ExponentialDecay(0.0625, 5, 0.5, staircase=True)


# Each row: nnkit's spec, and Keras's optimizer.
OPTIMIZERS: list[tuple[Spec, Callable[[], Any]]] = [
    ({"kind": "lion"}, lambda: keras.optimizers.Lion(1e-4)),
    (
        {"kind": "lion", "lr": 0.05, "beta1": 0.8, "beta2": 0.7, "weight_decay": 0.3},
        lambda: keras.optimizers.Lion(0.05, 0.8, 0.7, weight_decay=0.3),
    ),
    ({"kind": "lamb", "weight_decay": 0.0}, lambda: keras.optimizers.Lamb(1e-3, epsilon=1e-6)),
    (
        {"kind": "lamb", "lr": 0.1, "beta1": 0.8, "beta2": 0.9, "eps": 1e-3, "weight_decay": 0.0},
        lambda: keras.optimizers.Lamb(0.1, 0.8, 0.9, epsilon=1e-3),
    ),
    (
        {
            "kind": "sgd",
            "lr": 0.0625,
            "momentum": 0.9,
            "lr_inside": True,
            "schedule": {"kind": "step", "every": 5, "gamma": 0.5},
        },
        lambda: keras.optimizers.SGD(halving(), 0.9),
    ),
    (
        {
            "kind": "sgd",
            "lr": 0.0625,
            "momentum": 0.9,
            "nesterov": True,
            "lr_inside": True,
            "schedule": {"kind": "step", "every": 5, "gamma": 0.5},
        },
        lambda: keras.optimizers.SGD(halving(), 0.9, nesterov=True),
    ),
    (
        {"kind": "adadelta", "lr": 0.5, "rho": 0.8},
        lambda: keras.optimizers.Adadelta(0.5, 0.8, epsilon=1e-6),
    ),
    (
        {"kind": "nadam", "lr": 0.01, "beta2": 0.95, "psi": 1.0},
        lambda: keras.optimizers.Nadam(0.01, 0.9, 0.95, epsilon=1e-8),
    ),
]

# Each row: nnkit's spec, and Optax's optimizer.
TRANSFORMATIONS: list[tuple[Spec, Any]] = [
    ({"kind": "lamb", "lr": 0.05, "weight_decay": 0.1}, optax.lamb(0.05, weight_decay=0.1)),
    (
        {"kind": "lion", "lr": 0.02, "weight_decay": 0.2},
        optax.lion(0.02, 0.9, 0.99, weight_decay=0.2),
    ),
]

# Each row: nnkit's spec, its kind of targets, the network's output (`logits` for a fused
# loss), and the loss of each sample (N,), summed over its K outputs.
Of = Callable[[Any, Any], Any]
K, SAMPLES = 4, 6
losses_of = keras.losses
LOSSES: list[tuple[Spec, str, str, Of]] = [
    (
        {"kind": "squared_error"},
        "real",
        "real",
        lambda T, Y: K / 2 * losses_of.mean_squared_error(T, Y),
    ),
    (
        {"kind": "absolute_error"},
        "real",
        "real",
        lambda T, Y: K * losses_of.mean_absolute_error(T, Y),
    ),
    ({"kind": "huber", "delta": 1.5}, "real", "real", lambda T, Y: K * losses_of.huber(T, Y, 1.5)),
    ({"kind": "log_cosh"}, "real", "real", lambda T, Y: K * losses_of.log_cosh(T, Y)),
    ({"kind": "cosine"}, "real", "real", lambda T, Y: 1 + losses_of.cosine_similarity(T, Y)),
    ({"kind": "hinge"}, "signed", "real", lambda T, Y: K * losses_of.hinge(T, Y)),
    ({"kind": "squared_hinge"}, "signed", "real", lambda T, Y: K * losses_of.squared_hinge(T, Y)),
    (  # positive outputs, because Keras's largest output of another class is at least 0
        {"kind": "multiclass_hinge"},
        "one_hot",
        "distribution",
        losses_of.categorical_hinge,
    ),
    (
        {"kind": "kl_divergence"},
        "distribution",
        "distribution",
        losses_of.kl_divergence,
    ),
    (
        {"kind": "binary_cross_entropy", "label_smoothing": 0.2},
        "one_hot",
        "logits",
        lambda T, Z: K * losses_of.binary_crossentropy(T, Z, from_logits=True, label_smoothing=0.2),
    ),
    (
        {"kind": "cross_entropy", "label_smoothing": 0.1},
        "one_hot",
        "logits",
        lambda T, Z: losses_of.categorical_crossentropy(
            T, Z, from_logits=True, label_smoothing=0.1
        ),
    ),
    (
        {"kind": "binary_focal", "gamma": 1.5},
        "one_hot",
        "logits",
        lambda T, Z: K * losses_of.binary_focal_crossentropy(T, Z, gamma=1.5, from_logits=True),
    ),
    (
        {"kind": "binary_focal", "alpha": 0.3},
        "one_hot",
        "logits",
        lambda T, Z: (
            K
            * losses_of.binary_focal_crossentropy(
                T, Z, apply_class_balancing=True, alpha=0.3, from_logits=True
            )
        ),
    ),
    (
        {"kind": "focal", "gamma": 2.5},
        "one_hot",
        "logits",
        lambda T, Z: losses_of.categorical_focal_crossentropy(
            T, Z, alpha=1.0, gamma=2.5, from_logits=True
        ),
    ),
]


def optimizers() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(1)
    start = rng.normal(size=5)
    gradients = rng.normal(size=(STEPS, 5)) * np.logspace(-4, 2, 5)
    given = {"start": start.tolist(), "gradients": gradients.tolist()}
    for spec, make in OPTIMIZERS:
        variable, optimizer = keras.Variable(start, dtype="float64"), make()
        optimizer.build([variable])
        trajectory = []
        for gradient in gradients:
            optimizer.apply([keras.ops.array(gradient, "float64")], [variable])
            trajectory.append(np.asarray(variable).tolist())
        yield {"spec": spec, **given, "trajectory": trajectory}
    for spec, transformation in TRANSFORMATIONS:
        params = jax.numpy.array(start)
        state, trajectory = transformation.init(params), []
        for gradient in gradients:
            change, state = transformation.update(jax.numpy.array(gradient), state, params)
            params = optax.apply_updates(params, change)
            trajectory.append(params.tolist())
        yield {"spec": spec, **given, "trajectory": trajectory}


def losses() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(2)
    one_hot = np.eye(K)[[0, 1, 2, 3, 1, 2]]
    outputs = {
        "real": rng.normal(size=(SAMPLES, K)),
        "logits": 2 * rng.normal(size=(SAMPLES, K)),
        "distribution": rng.dirichlet(np.full(K, 2.0), SAMPLES),
    }
    targets = {
        "real": rng.normal(size=(SAMPLES, K)),
        "one_hot": one_hot,
        "signed": 2 * one_hot - 1,
        "distribution": rng.dirichlet(np.full(K, 2.0), SAMPLES),
    }
    for spec, coding, given, of_samples in LOSSES:
        T, Y = targets[coding], outputs[given]
        value, slope = jax.value_and_grad(lambda Y, T=T, f=of_samples: f(T, Y).mean())(Y)
        letter = "Z" if given == "logits" else "Y"
        yield {
            "spec": spec,
            "loss": float(value),
            "T": T.T.tolist(),
            letter: Y.T.tolist(),
            f"d{letter}": np.asarray(slope).T.tolist(),
        }


def main() -> None:
    keras.config.set_floatx("float64")
    made_with = f"Keras {keras.__version__}, JAX {jax.__version__}, Optax {optax.__version__}"
    rows = [
        f'"{name}": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]"
        for name, cases in (("optimizers", optimizers()), ("losses", losses()))
    ]
    text = ",\n".join([f'"made_with": {json.dumps(made_with)}', *rows])
    Path(__file__).with_name("keras.json").write_text("{" + text + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
