"""Tests of runs that start from the weights of another run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.errors import ConfigError
from nnkit.task.config import Config
from nnkit.training.divergence import measure
from nnkit.training.identity import run_name
from nnkit.training.run import Run, train
from nnkit.training.trainer import Trainer
from tests.training.configs import iris, trainer_for
from tests.training.test_run import told

WIDER = {"layers": [{"dense": 8}, {"dense": 5}, {"dense": 3}]}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(iris(), runs=tmp_path_factory.mktemp("base"))


def starting(run: Run, **sections: Any) -> Config:
    start = {"checkpoint": str(run.directory), **sections.pop("start", {})}
    return iris(seed=9, training={"start_from": start}, **sections)


def test_the_first_step_begins_at_the_weights_of_the_best_checkpoint(
    base: Run, tmp_path: Path
) -> None:
    trainer: Trainer = trainer_for(starting(base), tmp_path)
    np.testing.assert_array_equal(trainer.model.params, base.load().model.params)
    path = base.directory / "checkpoints" / "best.safetensors"
    assert trainer.notices[-1] == f"initial weights: those of {path}"
    run = train(starting(base), runs=tmp_path)
    assert (
        run.summary["weights_sha256"]
        != train(iris(seed=9), runs=tmp_path).summary["weights_sha256"]
    )


def test_a_file_is_taken_too_and_only_its_contents_count(base: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    shutil.copyfile(base.directory / "checkpoints" / "best.safetensors", copy)
    config = iris(seed=9, training={"start_from": str(copy)})
    assert run_name(config) == run_name(starting(base))
    assert run_name(config) != run_name(iris(seed=9))


def test_a_run_needs_the_other_no_more_once_it_is_trained(base: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    shutil.copyfile(base.directory / "checkpoints" / "best.safetensors", copy)
    run = train(iris(training={"start_from": str(copy)}), runs=tmp_path)
    copy.unlink()
    model = nnkit.load_checkpoint(run.directory)
    assert model.evaluate().loss == run.summary["results"]["test"]["loss"]


def test_an_interrupted_run_goes_on_from_its_own_weights(base: Run, tmp_path: Path) -> None:
    from tests.training.test_run import StopAfter, timeless

    whole = train(starting(base), runs=tmp_path / "whole")
    train(starting(base), runs=tmp_path / "parts", should_stop=StopAfter(10))
    resumed = train(starting(base), runs=tmp_path / "parts", resume=True)
    assert timeless(resumed.summary) == timeless(whole.summary)


def test_layers_that_differ_in_shape_are_named(base: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        train(starting(base, architecture=WIDER), runs=tmp_path)
    message = str(caught.value)
    assert "training.start_from" in message
    assert (
        "layers.1.W ((3, 8) there, (5, 8) here); layers.2.W (absent there, (3, 5) here)" in message
    )
    assert "mismatched: initialize" in message


def test_they_begin_anew_if_asked(base: Run, tmp_path: Path) -> None:
    config = starting(base, architecture=WIDER, start={"mismatched": "initialize"})
    trainer = trainer_for(config, tmp_path)
    views = trainer.model.layout.views(trainer.model.params)
    own = trainer.task.build_model()
    initial = own.layout.views(own.params)
    taken = base.load().model.layout.views(base.load().model.params)
    np.testing.assert_array_equal(views["layers.0.W"], taken["layers.0.W"])
    np.testing.assert_array_equal(views["layers.1.W"], initial["layers.1.W"])
    assert "except for layers.1.W" in told(config, tmp_path)[-1]


def test_a_network_without_anything_in_common_is_refused(base: Run, tmp_path: Path) -> None:
    other = {"layers": [{"dense": 7}, {"dense": 3}]}
    config = starting(
        base,
        architecture=other,
        data={"source": {"ignore": ["petal_width"]}},
        start={"mismatched": "initialize"},
    )
    saved = base.load().model.layout.views(base.load().model.params)
    assert saved["layers.1.b"].shape == (3,)  # the output's bias is all that fits
    assert "except for" in trainer_for(config, tmp_path).notices[-1]
    narrower = {"layers": [{"dense": 7}, {"dense": 6}, {"dense": 3}]}
    with pytest.raises(ConfigError, match="no parameter has the shape of one of this network"):
        train(
            config.model_copy(update={"architecture": iris(architecture=narrower).architecture}),
            runs=tmp_path,
        )


def test_a_missing_checkpoint_is_an_error_at_its_position(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such checkpoint or run folder") as caught:
        train(iris(training={"start_from": str(tmp_path / "nowhere")}), runs=tmp_path)
    assert caught.value.exit_code == 3
    (tmp_path / "damaged").write_bytes(b"no checkpoint")
    with pytest.raises(ConfigError, match="not an nnkit checkpoint") as caught:
        train(iris(training={"start_from": str(tmp_path / "damaged")}), runs=tmp_path)
    assert caught.value.exit_code == 3


def test_the_first_gradient_is_that_at_these_weights(base: Run, tmp_path: Path) -> None:
    started = measure(trainer_for(starting(base), tmp_path)).gradient
    assert started != measure(trainer_for(iris(seed=9), tmp_path)).gradient
