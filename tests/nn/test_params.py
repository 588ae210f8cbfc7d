"""Tests of the layout: every number of every block has one place in the flat vector."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nnkit.nn.initializers import Normal
from nnkit.nn.params import Layout, Parameter, Shape

FLOAT32 = np.dtype("float32")


def parameter(name: str, shape: Shape, decay: bool = True) -> Parameter:
    return Parameter(name, shape, fan_in=3, fan_out=2, initializer=Normal(), decay=decay)


@st.composite
def parameter_lists(draw: st.DrawFn) -> list[Parameter]:
    shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)
    blocks = draw(st.lists(st.tuples(shapes, st.booleans()), max_size=8))
    return [parameter(f"layers.{i}.W", shape, decay) for i, (shape, decay) in enumerate(blocks)]


@given(parameter_lists())
def test_views_cover_the_flat_vector_once(parameters: list[Parameter]) -> None:
    layout = Layout(parameters)
    flat = layout.zeros(FLOAT32)
    views = layout.views(flat)
    for view in views.values():
        assert np.shares_memory(view, flat)
        view += 1
    assert flat.shape == (layout.size,) == (sum(p.size for p in parameters),)
    assert (flat == 1).all()
    assert {name: view.shape for name, view in views.items()} == {
        p.name: p.shape for p in parameters
    }


@given(parameter_lists())
def test_what_decays_comes_first(parameters: list[Parameter]) -> None:
    layout = Layout(parameters)
    flat = layout.zeros(FLOAT32)
    for name, view in layout.views(flat).items():
        view += next(p.decay for p in parameters if p.name == name)
    assert (flat[layout.decayed] == 1).all()
    assert (flat[layout.decayed.stop :] == 0).all()
    for decay in (True, False):  # within each group, blocks keep the order of the layers
        assert [p for p in layout.parameters if p.decay == decay] == [
            p for p in parameters if p.decay == decay
        ]


@given(parameter_lists(), st.integers(0, 7))
def test_a_draw_depends_on_seed_and_name_alone(parameters: list[Parameter], left_out: int) -> None:
    def drawn(chosen: list[Parameter], seed: int) -> dict[str, bytes]:
        layout = Layout(chosen)
        flat = layout.zeros(FLOAT32)
        layout.initialize(flat, seed)
        return {name: view.tobytes() for name, view in layout.views(flat).items()}

    whole = drawn(parameters, seed=3)
    part = drawn([p for i, p in enumerate(reversed(parameters)) if i != left_out], seed=3)
    assert part == {name: whole[name] for name in part}
    other = drawn(parameters, seed=4)
    assert all(other[name] != whole[name] for name in whole)


def test_blocks_of_one_shape_have_different_draws() -> None:
    layout = Layout([parameter("a", (100, 100)), parameter("b", (100, 100))])
    flat = layout.zeros(FLOAT32)
    layout.initialize(flat, seed=0)
    a, b = (view.ravel() for view in layout.views(flat).values())
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)
