"""Tests of losses: gradients, fused forms, and reference values from other libraries."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy.special import logsumexp, softmax

from nnkit.nn import loss as loss_module
from nnkit.nn.activations.function import Function
from nnkit.nn.architecture import activation_named
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.nn.losses.cross_entropy import CrossEntropy, MaximumAPosteriori
from nnkit.nn.params import Array
from nnkit.random import generator
from nnkit.task.class_weights import class_weights, weights_of
from tests.golden import case_name, keras_vectors, onnx_vectors, torch_vectors
from tests.nn.differences import assert_close, central_differences
from tests.nn.examples import examples, name, targets_for


def function_named(tag: str | None) -> Function:
    """Returns the activation of a name; it must not have parameters."""
    assert tag is not None
    function = activation_named(tag)
    assert isinstance(function, Function)
    return function


LOSSES: list[Loss] = examples(AnyLoss)
every = pytest.mark.parametrize("loss", LOSSES, ids=name)
FUSED = [loss for loss in LOSSES if loss.fused]
every_fused = pytest.mark.parametrize("loss", FUSED, ids=name)
every_probability = pytest.mark.parametrize(
    "loss", [loss for loss in FUSED if function_named(loss.fused).probability], ids=name
)


def logits(*shape: int) -> Array:
    return generator(0, "logits").normal(scale=2, size=shape)


def outputs(loss: Loss, *shape: int) -> Array:
    """Draws outputs (outputs, …, N) of the activation that goes with the loss."""
    Y = logits(*shape) / 2
    function_named(loss.output).forward(Y, Y)
    return Y


def value_and_gradient(loss: Loss, Y: Array, T: Array) -> tuple[float, Array]:
    dY = np.full_like(Y, np.nan)
    return loss(Y, T, dY), dY


def fused(loss: Loss, Z: Array, T: Array) -> tuple[float, Array]:
    dZ = np.full_like(Z, np.nan)
    return loss.from_logits(Z, T, dZ), dZ


@every
def test_gradient_is_that_of_the_value(loss: Loss) -> None:
    Y, T = outputs(loss, 4, 5), targets_for(loss, (4, 5))
    numeric = central_differences(lambda: value_and_gradient(loss, Y, T)[0], Y)
    assert_close(value_and_gradient(loss, Y, T)[1], numeric)


@every_fused
def test_fused_gradient_is_that_of_the_fused_value(loss: Loss) -> None:
    Z, T = logits(4, 5), targets_for(loss, (4, 5))
    assert_close(fused(loss, Z, T)[1], central_differences(lambda: fused(loss, Z, T)[0], Z))


@every_fused
def test_fused_form_equals_the_loss_of_the_activation(loss: Loss) -> None:
    assert loss.fused is not None
    activation = function_named(loss.fused)
    Z, T = logits(4, 6), targets_for(loss, (4, 6))
    Y = np.empty_like(Z)
    activation.forward(Z, Y)
    value, dZ = value_and_gradient(loss, Y, T)
    activation.backward(Y, dZ, np.empty_like(Z))
    fused_value, fused_dZ = fused(loss, Z, T)
    assert fused_value == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(fused_dZ, dZ, rtol=1e-9, atol=1e-14)


@every_probability
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_give_finite_numbers(loss: Loss, dtype: str) -> None:
    Z = np.array([[1e30, -1e30, 1e4, 0], [-1e30, -1e30, 9e3, 0], [0, 1e30, -1e4, 0]], dtype)
    for shift in range(3):
        T = np.roll(np.eye(3, 4), shift, axis=0).astype(dtype)
        value, dZ = fused(loss, Z, T)
        assert np.isfinite(value)
        assert np.abs(dZ).max() <= 2 / 4


@every_probability
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_of_exactly_0_and_1_give_finite_numbers(loss: Loss, dtype: str) -> None:
    Y = np.array([[1, 0], [0, 1]], dtype)
    for T in (Y.copy(), 1 - Y):
        value, dY = value_and_gradient(loss, Y, T)
        assert np.isfinite(value)
        assert np.isfinite(dY).all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", ["focal", "binary_focal"])
def test_a_focal_loss_of_any_bend(kind: str, gamma: float) -> None:
    """For γ = 0 the focal loss is the cross-entropy; for γ < 1 its gradient stays finite."""
    loss = TypeAdapter[Loss](AnyLoss).validate_python({"kind": kind, "gamma": gamma})
    plain: Loss = TypeAdapter(AnyLoss).validate_python(
        {"focal": "cross_entropy", "binary_focal": "binary_cross_entropy"}[kind]
    )
    Z, T = logits(4, 5), targets_for(loss, (4, 5))
    assert_close(fused(loss, Z, T)[1], central_differences(lambda: fused(loss, Z, T)[0], Z))
    if not gamma:
        assert fused(loss, Z, T)[0] == pytest.approx(fused(plain, Z, T)[0], rel=1e-12)
    certain = 100.0 * (2 * T - 1)
    value, dZ = fused(loss, certain, T)
    assert value == pytest.approx(0, abs=1e-30)
    assert not dZ.any() or np.abs(dZ).max() < 1e-30


@every
def test_mean_over_the_batch(loss: Loss) -> None:
    Y, T = outputs(loss, 3, 5), targets_for(loss, (3, 5))
    value, dY = value_and_gradient(loss, Y, T)
    twice, dY_twice = value_and_gradient(loss, np.hstack([Y, Y]), np.hstack([T, T]))
    assert twice == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(2 * dY_twice, np.hstack([dY, dY]), rtol=1e-14)
    if loss.fused:
        Z = logits(3, 5)
        assert fused(loss, np.hstack([Z, Z]), np.hstack([T, T]))[0] == pytest.approx(
            fused(loss, Z, T)[0], rel=1e-14
        )


@pytest.mark.parametrize("loss", [*LOSSES, CrossEntropy(label_smoothing=0.1)], ids=name)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("part", [1, 100, 1 << 20])
def test_class_numbers_stand_for_their_codes(
    loss: Loss, weighted: bool, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_module, "PART", part)
    classes = np.array([3, 0, 0, 2, 1])
    weights = np.array([1, 2, 0, 0.5, 1]) if weighted else None
    T, off = np.eye(4)[classes].T, -1.0 if loss.coding == "signed" else 0.0
    T = np.where(T > 0, 1, off)
    for of_logits in {False, loss.fused is not None}:
        measure = loss.from_logits if of_logits else loss.__call__
        Y = logits(4, 5) if of_logits else outputs(loss, 4, 5)
        dY, dY_coded = np.full_like(Y, np.nan), np.full_like(Y, np.nan)
        value = measure(Y, classes, dY, weights)
        assert value == pytest.approx(measure(Y, T, dY_coded, weights), rel=1e-12)
        np.testing.assert_allclose(dY, dY_coded, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("kind", "expected"), [("binary_cross_entropy", [0, 1, 1]), ("hinge", [-1, 1, 1])]
)
def test_the_class_numbers_of_one_output(kind: str, expected: list[int]) -> None:
    loss = TypeAdapter[Loss](AnyLoss).validate_python(kind)
    assert loss.coded(np.array([0, 1, 1]), 1, np.dtype("float32")).tolist() == [expected]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_for_class_numbers_may_take_the_place_of_the_logits(smoothing: float) -> None:
    loss = CrossEntropy(label_smoothing=smoothing)
    Z, classes = logits(4, 5), np.array([3, 0, 0, 2, 1])
    apart = np.empty_like(Z)
    value = loss.from_logits(Z, classes, apart)
    assert loss.from_logits(Z, classes, Z) == value
    np.testing.assert_array_equal(Z, apart)


@every
def test_weights_count_samples_as_repeating_them_would(loss: Loss) -> None:
    Y, T = outputs(loss, 3, 4), targets_for(loss, (3, 4))
    times = np.array([2, 0, 1, 3])
    dY = np.full_like(Y, np.nan)
    value = loss(Y, T, dY, times.astype(float))
    repeated, dY_repeated = value_and_gradient(loss, *(np.repeat(A, times, axis=1) for A in (Y, T)))
    assert value == pytest.approx(repeated, rel=1e-12)
    first = [0, 2, 3]  # index of the first copy of each sample with nonzero weight
    np.testing.assert_allclose(
        dY[:, first] / times[first], dY_repeated[:, [0, 2, 3]], rtol=1e-12, atol=1e-15
    )
    assert not dY[:, 1].any()
    if loss.fused:
        Z, dZ = logits(3, 4), np.full_like(Y, np.nan)
        of_logits = loss.from_logits(Z, T, dZ, times.astype(float))
        again, _ = fused(loss, *(np.repeat(A, times, axis=1) for A in (Z, T)))
        assert of_logits == pytest.approx(again, rel=1e-12)


@every
def test_a_batch_that_does_not_count_changes_nothing(loss: Loss) -> None:
    Y, T = outputs(loss, 3, 4), targets_for(loss, (3, 4))
    dY = np.full_like(Y, np.nan)
    assert loss(Y, T, dY, np.zeros(4)) == 0
    assert not dY.any()


@every
def test_positions_of_a_sample_add_up(loss: Loss) -> None:
    Y, T = outputs(loss, 3, 4, 5), targets_for(loss, (3, 4, 5))
    at_each = [value_and_gradient(loss, Y[:, i], T[:, i])[0] for i in range(4)]
    assert value_and_gradient(loss, Y, T)[0] == pytest.approx(sum(at_each))


@every
def test_leaves_outputs_and_targets_alone(loss: Loss) -> None:
    Y, T = outputs(loss, 3, 5), targets_for(loss, (3, 5))
    before = Y.copy(), T.copy()
    value_and_gradient(loss, Y, T)
    if loss.fused:
        fused(loss, Y, T)
    np.testing.assert_array_equal(Y, before[0])
    np.testing.assert_array_equal(T, before[1])


@every
def test_takes_targets_in_any_memory_order(loss: Loss) -> None:
    Y, T = outputs(loss, 3, 5), targets_for(loss, (3, 5))
    batch_first = np.ascontiguousarray(T.T).T
    value, dY = value_and_gradient(loss, Y, batch_first)
    assert value == value_and_gradient(loss, Y, T)[0]
    np.testing.assert_array_equal(dY, value_and_gradient(loss, Y, T)[1])


@pytest.mark.parametrize("case", torch_vectors("losses"), ids=case_name)
def test_as_pytorch_computes_it(case: dict[str, Any]) -> None:
    loss: Loss = TypeAdapter(AnyLoss).validate_python(case["spec"])
    T = np.array(case["T"])
    value, dY = value_and_gradient(loss, np.array(case["Y"]), T)
    assert value == pytest.approx(case["loss"], rel=1e-10)
    np.testing.assert_allclose(dY, case["dY"], rtol=1e-10, atol=1e-10)
    assert (loss.fused is not None) == ("dZ" in case)
    if loss.fused:
        value, dZ = fused(loss, np.array(case["Z"]), T)
        assert value == pytest.approx(case["loss"], rel=1e-10)
        np.testing.assert_allclose(dZ, case["dZ"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", keras_vectors("losses"), ids=case_name)
def test_as_keras_computes_it(case: dict[str, Any]) -> None:
    """Compares with float32's precision, in which Keras computes means."""
    loss: Loss = TypeAdapter(AnyLoss).validate_python(case["spec"])
    letter, computed = ("Z", fused) if "Z" in case else ("Y", value_and_gradient)
    value, gradient = computed(loss, np.array(case[letter]), np.array(case["T"]))
    assert value == pytest.approx(case["loss"], rel=1e-6)
    np.testing.assert_allclose(gradient, case[f"d{letter}"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", onnx_vectors("losses"), ids=case_name)
def test_as_onnx_has_it(case: dict[str, Any]) -> None:
    """Includes class weights and an ignored class."""
    loss: Loss = TypeAdapter(AnyLoss).validate_python(case["spec"])
    Z, classes = np.array(case["Z"], np.float32), np.array(case["classes"])
    T = (np.arange(len(Z))[:, None] == classes).astype(np.float32)
    by_class = class_weights(loss, [str(i) for i in range(len(Z))], classes)
    weights: Any = weights_of(classes, None, by_class, Z.dtype)
    dZ = np.empty_like(Z)
    if case["reduction"] == "mean":
        found: Any = (loss.from_logits if loss.fused else loss)(Z, T, dZ, weights)
    else:
        found = (loss.per_sample_from_logits if loss.fused else loss.per_sample)(Z, T, dZ)
        found = found if weights is None else weights * found
        found = found.sum() if case["reduction"] == "sum" else found
    np.testing.assert_allclose(found, case["loss"], rtol=1e-5, atol=1e-6)


def test_map_is_scipys_cross_entropy_with_one_more_class() -> None:
    """Treats rubbish as one more class with a constant penalty (LeCun et al. 1998, eq. 9)."""
    loss = MaximumAPosteriori(rubbish=2.5)
    penalties, T = logits(4, 6) ** 2, targets_for(loss, (4, 6))
    value, dY = value_and_gradient(loss, -penalties, T)
    all_penalties = np.vstack([penalties, np.full(6, 2.5)])
    shares = softmax(-all_penalties, axis=0)[:4]
    right = np.sum(penalties * T, axis=0)
    assert value == pytest.approx(np.mean(right + logsumexp(-all_penalties, axis=0)), rel=1e-12)
    np.testing.assert_allclose(dY, (shares - T) / 6, rtol=1e-12, atol=1e-15)


def test_map_by_hand() -> None:
    """With penalties of 0 and j = ln 2, two classes and rubbish are in the ratio 2 : 2 : 1."""
    loss = MaximumAPosteriori(rubbish=log(2))
    value, dY = value_and_gradient(loss, np.zeros((2, 1)), np.array([[1.0], [0.0]]))
    assert value == pytest.approx(log(2.5))
    np.testing.assert_allclose(dY, [[-0.6], [0.4]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_map_of_huge_penalties_is_finite_and_pulls_at_the_right_one_alone(dtype: str) -> None:
    loss = MaximumAPosteriori(rubbish=12)
    T = np.eye(3, dtype=dtype)
    value, dY = value_and_gradient(loss, np.full((3, 3), -1e4, dtype), T)
    assert value == pytest.approx(1e4 - 12)
    np.testing.assert_array_equal(dY, T * T.dtype.type(-1 / 3))
