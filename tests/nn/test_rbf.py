"""Tests of radial basis functions against SciPy and scikit-learn, and of LeNet-5's bitmaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from sklearn.metrics.pairwise import rbf_kernel

from nnkit.nn.central_differences import check_model
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layers.rbf import RBF, bitmaps
from nnkit.nn.loss import Loss
from nnkit.nn.losses.cross_entropy import CrossEntropy, MaximumAPosteriori
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.random import generator
from nnkit.task.config_loading import load_config
from tests.nn.examples import alone, batch_of, first_layer, model_of, name

CONFIG = Path(__file__).parents[2] / "configs" / "lenet-1998.yaml"
LENET_5 = RBF(units=10, centers="lenet-5", lr_factor=0)
in_both_types = pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)]
)


def centers(model: Model) -> Array:
    (W,) = model.layout.views(model.params).values()
    return W


def outputs(model: Model, X: Array) -> Array:
    return first_layer(model.bind(X.shape[-1], training=False)).forward(X, INFERENCE).copy()


@in_both_types
@pytest.mark.parametrize("samples", [1, 64])
def test_gives_minus_the_squared_distances_of_scipy(
    dtype: str, tolerance: float, samples: int
) -> None:
    model = alone(RBF(units=7, gamma=0.3), (20,), dtype)
    X = generator(0, "points").normal(size=(20, samples)).astype(dtype)
    wanted = -0.3 * cdist(centers(model), X.T, "sqeuclidean")
    np.testing.assert_allclose(outputs(model, X), wanted, rtol=tolerance)


@in_both_types
def test_an_exponential_makes_the_kernel_of_scikit_learn(dtype: str, tolerance: float) -> None:
    units = RBF(units=7, gamma=0.1)
    model = model_of([units, {"activation": "exponential"}, {"dense": 2}], (6,), dtype=dtype)
    X, _ = batch_of(model, 30)
    W = model.layout.views(model.params)["layers.0.W"]
    rbf, exponential, *_ = model.bind(30, training=False).body.layers.values()
    wanted = rbf_kernel(W, X.T, gamma=0.1)
    found = exponential.forward(rbf.forward(X, INFERENCE), INFERENCE)
    np.testing.assert_allclose(found, wanted, rtol=10 * tolerance)


def test_by_hand() -> None:
    """Uses x = (1, 2), centers (0, 0) and (3, 2) at squared distances 5 and 4, dE/dy = (1, 10)."""
    model = alone(RBF(units=2), (2,))
    centers(model)[...] = [[0, 0], [3, 2]]
    layer = first_layer(model.bind(1, training=True, input_gradient=True))
    Y = layer.forward(np.array([[1.0], [2.0]]), Pass())
    np.testing.assert_array_equal(Y, [[-5], [-4]])
    dX = layer.backward(np.array([[1.0], [10.0]]), Pass())
    assert dX is not None
    (dW,) = model.layout.views(model.grads).values()
    np.testing.assert_array_equal(dW, [[2, 4], [-40, 0]])
    np.testing.assert_array_equal(dX, [[38], [-4]])


def test_no_rounding_makes_a_distance_negative() -> None:
    model = alone(RBF(units=50), (30,), "float32")
    Y = outputs(model, np.ascontiguousarray(centers(model).T))
    assert (Y <= 0).all()
    np.testing.assert_allclose(np.diag(Y), 0, atol=1e-4)


def test_other_centers_are_drawn_by_the_initializer() -> None:
    spec = {"rbf": {"units": 3, "initializer": {"constant": 2}}}
    views = (model := model_of([spec, {"dense": 2}], (5,))).layout.views(model.params)
    assert (views["layers.0.W"] == 2).all()


def test_refuses_images_and_says_what_helps() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 6, 6\); put '- flatten' before it"):
        RBF(units=3).output_form(Form.of((2, 6, 6)))


# LeNet-5


@pytest.mark.parametrize(("units", "inputs"), [(10, 85), (11, 84)])
def test_the_bitmaps_are_for_ten_digits_of_84_pixels(units: int, inputs: int) -> None:
    message = f"10 units of 84 inputs, but there are {units} of {inputs}"
    with pytest.raises(ShapeError, match=message) as refused:
        RBF(units=units, centers="lenet-5").output_form(Form.of((inputs,)))
    assert refused.value.path == ("centers",)


def test_the_bitmaps_are_where_the_centers_begin() -> None:
    W = centers(alone(LENET_5, (84,)))
    np.testing.assert_array_equal(W, bitmaps())
    assert np.unique(W).tolist() == [-1, 1]


def test_the_bitmaps_show_digits() -> None:
    """Checks pixels that the shapes of the digits have in common."""
    zero, one, two, three, four, five, six, seven, eight, nine = bitmaps().reshape(10, 12, 7)
    np.testing.assert_array_equal(zero, zero[:, ::-1])
    np.testing.assert_array_equal(eight, eight[:, ::-1])
    np.testing.assert_array_equal(zero[2:10], zero[9:1:-1])
    np.testing.assert_array_equal(six[:10], nine[9::-1, ::-1])
    np.testing.assert_array_equal(five[7:], three[7:])
    for barred in (zero, two, four, five):
        assert (barred[0, 1:6] == 1).all()
        assert (barred[1] == -1).all()
    for upright in (zero, one, two, three, five, six, seven, eight, nine):
        assert (upright[10:] == -1).all()
        assert (upright[9] == 1).any()
    assert (four[10:, 5:] == 1).all()


def test_no_two_bitmaps_are_close() -> None:
    """Counts differing pixels; each adds 4 to the squared distance of two centers."""
    apart = pdist(bitmaps(), "sqeuclidean") / 4
    assert (apart == apart.round()).all()
    assert apart.min() >= 8


def test_gradients_with_the_bitmaps() -> None:
    model = model_of([{"dense": 84}, {**LENET_5.model_dump(), "lr_factor": 1}], (5,))
    failed = [check for check in check_model(model, *batch_of(model, 6)) if not check.passed]
    assert not failed


@pytest.mark.parametrize("loss", [CrossEntropy(), MaximumAPosteriori(rubbish=3)], ids=name)
def test_learns_from_the_papers_criterion(loss: Loss) -> None:
    """Checks E = y_D + ln(e^−j + Σ e^−y_i) (eq. 7 and 9), with and without rubbish."""
    model = model_of([LENET_5], (84,), loss=loss)
    X, T = batch_of(model, 12)
    X *= 0.1  # keeps e^−y above 0
    y = cdist(bitmaps(), X.T, "sqeuclidean")
    rubbish = np.exp(-loss.rubbish) if isinstance(loss, MaximumAPosteriori) else 0
    right = y[T.argmax(axis=0), np.arange(12)]
    wanted = np.mean(right + np.log(rubbish + np.exp(-y).sum(axis=0)))
    network = model.bind(12, training=True)
    assert network.loss_and_gradient(X, T, Pass()) == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_array_equal(model.forward(X.T).argmax(axis=1), y.argmin(axis=0))


def test_the_class_of_rubbish_draws_inputs_onto_the_centers() -> None:
    """Without rubbish, |X|² cancels, and the input gradient does not depend on the distance."""

    def pulls(loss: Loss) -> Array:
        """Measures how far equally distant samples are drawn towards their digits' centers."""
        model = model_of([LENET_5], (84,), loss=loss)
        W = bitmaps().T
        off = np.linalg.svd(W)[0][:, -1:]  # orthogonal to all centers
        network = model.bind(10, training=True, input_gradient=True)
        network.training_loss(W + 5 * off, np.eye(10), Pass())
        dX = network.backward(network.dY, Pass())
        assert dX is not None
        return off.T @ dX

    np.testing.assert_allclose(pulls(CrossEntropy()), 0, atol=1e-12)
    assert (pulls(MaximumAPosteriori(rubbish=1)) > 0.9).all()


def test_the_config_trains_the_papers_60000_parameters() -> None:
    """Compares the number of parameters with §II.B of the paper."""
    form = Form(1, (28, 28))
    trained = 0
    for layer in load_config(CONFIG).architecture.layers:
        trained += sum(block.size for block in layer.parameters(form) if block.lr_factor)
        form = layer.output_form(form)
    assert trained == 60_000
