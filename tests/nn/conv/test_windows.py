"""Tests of window positions, compared with enumerating them one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nnkit.nn.architecture import Architecture
from nnkit.nn.conv.windows import windows
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.layers import Conv, ConvTranspose, MaxPool

small = st.integers(1, 4)


@given(st.integers(1, 20), small, small, st.integers(0, 3), small)
def test_count_and_places(size: int, kernel: int, stride: int, padding: int, dilation: int) -> None:
    starts = [
        start
        for start in range(0, size + 2 * padding, stride)
        if start + (kernel - 1) * dilation < size + 2 * padding
    ]
    if not starts:
        with pytest.raises(ShapeError, match="does not fit"):
            windows((size,), kernel, stride, padding, dilation)
        return
    found = windows((size,), kernel, stride, padding, dilation)
    assert found.count == (len(starts),)
    for entry, (places,) in enumerate(found.slices()):
        assert [*range(*places.indices(*found.padded))] == [s + entry * dilation for s in starts]


@given(st.integers(1, 20), small, small, small)
def test_same_gives_one_window_for_each_stride(
    size: int, kernel: int, stride: int, dilation: int
) -> None:
    found = windows((size,), kernel, stride, "same", dilation)
    assert found.count == (-(-size // stride),)
    assert 0 <= found.after[0] - found.before[0] <= 1


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ({"filters": 2, "kernel": 7}, (1, 5, 5), "a window of 7 × 7 does not fit into 5 × 5"),
        ({"filters": 2, "kernel": [3, 3]}, (1, 9), r"2 numbers, but each sample has 1 axis"),
        (
            {"filters": 2, "kernel": 3},
            (9,),
            r"takes images .* shape \(9,\); put it before '- flatt",
        ),
        ({"filters": 3, "kernel": 1, "groups": 2}, (2, 5), "3 filters cannot be divided into 2"),
        ({"filters": 2, "kernel": 1, "groups": 2}, (3, 5), "3 channels of the input cannot be"),
        ({"filters": 2, "kernel": 1, "connections": [[0]]}, (2, 5), "has 1 rows, but there are 2"),
        (
            {"filters": 1, "kernel": 1, "connections": [[2]]},
            (2, 5),
            "row 0 must list one or more channels",
        ),
    ],
)
def test_what_does_not_fit_is_said(settings: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Conv.model_validate({"kind": "conv", **settings}).output_form(Form.of(shape))


def test_the_table_of_lenet_5_is_for_its_six_channels() -> None:
    layer = Conv(filters=16, kernel=5, connections="lenet-5")
    assert layer.output_form(Form.of((6, 14, 14))).shape == (16, 10, 10)
    for channels in (1, 3, 8):
        with pytest.raises(
            ShapeError, match=f"6 input channels.* here has {channels}; remove"
        ) as caught:
            layer.output_form(Form.of((channels, 14, 14)))
        assert caught.value.path == ("connections",)


def test_more_padding_than_half_a_window_would_pool_nothing() -> None:
    with pytest.raises(ShapeError, match="at most half a window"):
        MaxPool(size=2, padding=2).output_form(Form.of((1, 5, 5)))


@pytest.mark.parametrize("dilation", [1, 2])
def test_more_output_padding_than_the_stride_would_be_another_window(dilation: int) -> None:
    layer = ConvTranspose(filters=2, kernel=3, output_padding=1, dilation=dilation)
    with pytest.raises(ShapeError, match="must be less than the stride"):
        layer.output_form(Form.of((1, 5, 5)))


def test_the_keys_that_a_layer_needs_are_named_first() -> None:
    with pytest.raises(ValidationError, match="with keys such as filters, kernel, "):
        Architecture.model_validate({"layers": [{"conv": 32}]})


@pytest.mark.parametrize("word", ["same", "valid"])
@pytest.mark.parametrize(
    "layer",
    [
        {"max_pool": {"padding": ...}},
        {"avg_pool": {"padding": ...}},
        {"conv_transpose": {"filters": 2, "kernel": 3, "padding": ...}},
        {"zero_pad": ...},
    ],
    ids=str,
)
def test_where_zeros_are_counted_is_said(layer: dict[str, Any], word: str) -> None:
    ((kind, settings),) = layer.items()
    named = word if settings is ... else {**settings, "padding": word}
    with pytest.raises(
        ValidationError, match=f"'{word}' is for 'conv' only; give the number of zeros"
    ):
        Architecture.model_validate({"layers": [{kind: named}]})


@pytest.mark.parametrize("kernel", [0, -1, 2.5, "5", True, [1, 2, 3], [], [0, 1], None])
def test_a_size_is_a_whole_number_or_one_for_each_axis(kernel: Any) -> None:
    with pytest.raises(ValidationError):
        Conv.model_validate({"kind": "conv", "filters": 2, "kernel": kernel})
