"""Tests of the sum of the products of many steps, of which several are computed together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nnkit.nn.form import Form
from nnkit.nn.recurrent.weight_gradient import PRODUCT_COLUMNS, WeightGradient
from tests.nn.examples import binding_for

BINDING = binding_for(Form(1, (8,)), PRODUCT_COLUMNS + 3, np.dtype(np.float64))
# Numbers of sequences at each step: few or many in relation to a product's columns.
COUNTS = st.lists(st.integers(0, 3) | st.integers(0, PRODUCT_COLUMNS + 3), max_size=8)


@given(counts=COUNTS)
def test_the_sum_of_the_products_of_all_steps(counts: list[int]) -> None:
    rng = np.random.default_rng(0)
    sizes = (5, 3), (2, 4)  # of two products at each step
    steps = [
        [(rng.normal(size=(rows, n)), rng.normal(size=(inner, n))) for rows, inner in sizes]
        for n in counts
    ]
    found = [np.ones(size) for size in sizes]
    gradient = WeightGradient(found, BINDING)
    for factors in steps:
        gradient.add(*factors)
    gradient.finish()
    for number, dW in enumerate(found):
        expected = 1 + sum(da @ z.T for da, z in (factors[number] for factors in steps))
        np.testing.assert_allclose(dW, np.broadcast_to(expected, dW.shape), atol=1e-10)
