"""Tests of preprocessing: as scikit-learn, fitted on training data only, saved with the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

import nnkit
from nnkit.config.spec import members
from nnkit.data import lazy
from nnkit.data.dataset import Array, Column
from nnkit.data.preprocessing import AnyStep, feature_statistics, preprocessor
from nnkit.data.preprocessing.feature_scaling import MinMax, Rescale, Standardize
from nnkit.data.preprocessing.imputation import Impute
from nnkit.data.preprocessing.one_hot import OneHot
from nnkit.data.preprocessing.preprocessing_step import PreprocessingStep
from nnkit.data.preprocessing.preprocessor import Preprocessor
from nnkit.errors import DataError
from nnkit.random import generator
from nnkit.task.task import Task
from nnkit.task.task_loading import load_task
from tests.data.small import small_config

STEPS = members(AnyStep)
WORDS = ("blue", "green", "red")
COLUMNS = (Column("row"), Column("colour", WORDS), Column("weight"))
FLOAT64 = np.dtype("float64")


def step_of(tag: str) -> PreprocessingStep:
    step = STEPS[tag](kind=tag)
    assert isinstance(step, PreprocessingStep)
    return step


def draw(purpose: str, *shape: int) -> Array:
    return generator(0, purpose).normal(3, 20, shape)


def table(rows: int) -> Array:
    """Returns rows of row number, word index and number, with missing values in the last two."""
    dice = generator(0, "table")
    X = np.column_stack([np.arange(rows), dice.integers(0, 3, rows), dice.normal(5, 2, rows)])
    X[dice.random(rows) < 0.2, 1] = np.nan
    X[dice.random(rows) < 0.2, 2] = np.nan
    return X


def write_csv(path: Path, X: Array) -> dict[str, Any]:
    """Writes a table as a CSV file with a label."""
    lines = [",".join([column.name for column in COLUMNS] + ["kind"])]
    for row, word, weight in X:
        colour = "" if np.isnan(word) else WORDS[int(word)]
        lines.append(f"{row:g},{colour},{'' if np.isnan(weight) else weight},{row % 2:g}")
    path.write_text("\n".join(lines))
    return {"kind": "csv", "path": str(path)}


def statistics(task: Task) -> list[dict[str, list[Any]]]:
    return [{n: a.tolist() for n, a in s.items()} for s in task.preprocessor.statistics]


@pytest.mark.parametrize("tag", STEPS)
def test_only_training_rows_are_fitted_on(tag: str, tmp_path: Path) -> None:
    X = table(100)
    steps = list(dict.fromkeys(["one_hot", tag]))
    before = load_task(small_config(write_csv(tmp_path / "t.csv", X), preprocess=steps))
    training = np.asarray(before.sets["train"].inputs)[:, 0].astype(int)
    held_out = np.setdiff1d(np.arange(100), training)
    assert len(held_out) == 30
    X[held_out, 1:] = [2, 1e6]
    after = load_task(small_config(write_csv(tmp_path / "t.csv", X), preprocess=steps))
    assert np.asarray(after.sets["test"].inputs)[:, 2].tolist() == [1e6] * 20
    assert statistics(after) == statistics(before)
    if tag not in ("scale", "one_hot"):
        X[training[0], 2] = 1e6
        changed = load_task(small_config(write_csv(tmp_path / "t.csv", X), preprocess=steps))
        assert statistics(changed) != statistics(before)


@pytest.mark.parametrize("tag", STEPS)
def test_the_input_is_left_as_it_is(tag: str) -> None:
    step, X = step_of(tag), table(20)
    X.flags.writeable = False
    Y = step.apply(X, step.fit(X, COLUMNS), COLUMNS)
    assert Y.dtype == FLOAT64
    assert len(Y) == 20


@pytest.mark.parametrize("tag", [tag for tag in STEPS if tag != "one_hot"])
@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "i8", "f2", "f4", "f8"])
def test_every_type_and_shape_of_number_is_taken(dtype: str, tag: str) -> None:
    step = step_of(tag)
    X = generator(0, tag).integers(0, 200, (10, 2, 3)).astype(dtype)
    Y = step.apply(X, step.fit(X, ()), ())
    exact = step.apply(X.astype(np.float64), step.fit(X.astype(np.float64), ()), ())
    np.testing.assert_allclose(Y, exact, rtol=1e-6, atol=1e-6)


def test_large_whole_numbers_keep_their_differences() -> None:
    X = np.array([[10**9], [10**9 + 1], [10**9 + 2]], dtype=np.int32)
    step = MinMax()
    np.testing.assert_array_equal(step.apply(X, step.fit(X, ()), ()), [[0], [0.5], [1]])


def test_scale_divides_by_its_constant() -> None:
    X = np.arange(256, dtype=np.uint8).reshape(1, -1)
    np.testing.assert_allclose(Rescale().apply(X, {}, ()), np.arange(256)[None] / 255, rtol=1e-6)
    np.testing.assert_allclose(Rescale(by=2.0).apply(X, {}, ())[0, :3], [0, 0.5, 1])


@pytest.mark.parametrize(
    ("step", "peer"), [(Standardize(), StandardScaler()), (MinMax(), MinMaxScaler())]
)
def test_against_scikit_learn(step: PreprocessingStep, peer: Any) -> None:
    X = draw("train", 500, 6) * [1, 1e-6, 1e6, 1, 1, 1] + [0, 0, 0, 1e3, -1e3, 0]
    X[generator(0, "holes").random(X.shape) < 0.05] = np.nan
    other = draw("test", 50, 6)
    peer.fit(X)
    fitted = step.fit(X, ())
    for inputs in (X, other):
        found, expected = step.apply(inputs, fitted, ()), peer.transform(inputs)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent"])
def test_impute_against_scikit_learn(strategy: Any) -> None:
    X = np.round(draw("train", 200, 4) / 20)
    X[generator(0, "holes").random(X.shape) < 0.3] = np.nan
    step = Impute(strategy=strategy)
    expected = SimpleImputer(strategy=strategy).fit_transform(X)
    np.testing.assert_allclose(step.apply(X, step.fit(X, ()), ()), expected, rtol=1e-12)


def test_one_hot_against_scikit_learn() -> None:
    columns = (Column("a", ("x", "y")), Column("n"), Column("b", WORDS))
    dice = generator(0, "words")
    X = np.column_stack([dice.integers(0, k, 30) for k in (2, 9, 3)]).astype(np.float64)
    Y = OneHot().apply(X, {}, columns)
    encoder = OneHotEncoder(sparse_output=False)
    np.testing.assert_array_equal(Y[:, [0, 1, 3, 4, 5]], encoder.fit_transform(X[:, [0, 2]]))
    np.testing.assert_array_equal(Y[:, 2], X[:, 1])
    names = ["a=x", "a=y", "n", "b=blue", "b=green", "b=red"]
    assert [column.name for column in OneHot().columns_after(columns)] == names


def test_a_number_that_stands_for_no_word_is_none_of_them() -> None:
    """As words that an earlier version standardized before they were encoded."""
    numbers = np.array([[-1.0], [-0.5], [0.5], [1.0], [2.9], [3.0]])
    expected = np.zeros((6, 3))
    expected[3, 1] = 1
    np.testing.assert_array_equal(OneHot().apply(numbers, {}, [Column("c", WORDS)]), expected)


def test_a_missing_word_is_not_taken_for_none_of_the_words() -> None:
    columns = (Column("colour", WORDS),)
    preprocessor = Preprocessor.fit([OneHot()], np.array([[0.0], [2.0]]), columns)
    with pytest.raises(DataError, match="column 'colour' has missing values"):
        preprocessor(np.array([[np.nan]]), FLOAT64)


def test_words_are_imputed_with_the_most_frequent() -> None:
    X = np.array([[0.0, 1.0], [2.0, np.nan], [2.0, 3.0], [np.nan, np.nan]])
    columns = (Column("colour", WORDS), Column("n"))
    step = Impute(strategy="mean")
    expected = [[0, 1], [2, 2], [2, 3], [2, 2]]
    np.testing.assert_array_equal(step.apply(X, step.fit(X, columns), columns), expected)


def test_imputing_reads_the_samples_a_fixed_number_of_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once for the means and once for the words, however many columns and samples there are."""
    monkeypatch.setattr(feature_statistics, "FEATURES_AT_ONCE", 1)
    read: list[int] = []

    def recorded(part: Array) -> Array:
        read.append(len(part))
        return part

    columns = (*map(Column, "abcdef"), *(Column(name, WORDS) for name in "uvw"))
    X = np.tile(np.arange(3.0), (100, 3))
    samples = lazy.LazyArray(X, np.arange(100), (recorded,))
    fill = Impute(strategy="mean").fit(samples, columns)["fill"]
    assert fill.tolist() == [0, 1, 2] * 3
    assert sum(read) == 1 + 2 * 100  # one for the shape


@given(st.floats(-1e100, 1e100), st.integers(1, 200))
def test_a_feature_that_never_changes_becomes_0(value: float, rows: int) -> None:
    X = np.full((rows, 1), value)
    for step in (Standardize(), MinMax()):
        np.testing.assert_array_equal(step.apply(X, step.fit(X, ()), ()), np.zeros((rows, 1)))


@pytest.mark.parametrize("step", [Standardize(), Standardize(per="all"), MinMax()])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_a_constant_feature_never_sways_a_prediction(step: PreprocessingStep, dtype: str) -> None:
    X = np.full((9, 2), 23, dtype=dtype)
    other = np.array([[23, 0], [24, 200]], dtype=dtype)
    np.testing.assert_array_equal(step.apply(other, step.fit(X, ()), ()), np.zeros((2, 2)))


def test_a_missing_value_of_a_constant_feature_stays_missing() -> None:
    step, X = Standardize(), np.full((9, 1), 23.0)
    assert np.isnan(step.apply(np.array([[np.nan]]), step.fit(X, ()), ())).all()


def test_a_memory_mapped_file_is_fitted_as_the_array_in_it(tmp_path: Path) -> None:
    X = draw("mapped", 300, 7).astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for step in (Standardize(), MinMax(), Impute()):
        for name, array in step.fit(X, ()).items():
            np.testing.assert_array_equal(step.fit(mapped, ())[name], array)


@pytest.mark.parametrize(
    "steps",
    [
        ["impute", "one_hot", "standardize"],
        ["one_hot", {"impute": "median"}, "minmax", {"scale": 3}],
        [{"impute": "most_frequent"}, "one_hot", "minmax", "standardize"],
    ],
)
def test_statistics_are_kept_with_the_model(steps: list[Any], tmp_path: Path) -> None:
    config = small_config(write_csv(tmp_path / "t.csv", table(60)), preprocess=steps)
    run = nnkit.train(config, runs=tmp_path / "runs")
    task, model = load_task(config), run.load()
    assert model.columns == task.dataset.columns
    for samples in task.sets.values():
        expected = task.preprocessor(np.asarray(samples.inputs), model.model.dtype)
        np.testing.assert_array_equal(
            model.preprocessor(np.asarray(samples.inputs), model.model.dtype), expected
        )
    targets = np.asarray(task.sets["test"].targets)
    right = model.predict(task.sets["test"].inputs) == targets.astype(str)
    assert right.mean() == run.summary["results"]["test"]["accuracy"]


@pytest.mark.parametrize("tag", ["standardize", "minmax", "scale", {"standardize": "all"}])
def test_scaling_before_one_hot_leaves_words_alone(tag: Any, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "t.csv", table(60))
    steps = [["impute", tag, "one_hot"], ["impute", "one_hot"]]
    scaled, plain = (load_task(small_config(source, preprocess=each)) for each in steps)
    inputs = np.asarray(scaled.sets["train"].inputs)
    found, expected = (task.preprocessor(inputs, FLOAT64) for task in (scaled, plain))
    np.testing.assert_array_equal(found[:, 1:4], expected[:, 1:4])
    assert (found[:, 0] != expected[:, 0]).any()


def test_an_unknown_word_can_be_encoded_as_none_of_the_known_ones(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "t.csv", table(60))
    new = tmp_path / "new.csv"
    new.write_text("row,colour,weight\n1,red,2\n2,purple,3\n3,pink,4\n4,,5\n")
    for unknown in ("error", "ignore"):
        steps = ["impute", "standardize", {"one_hot": {"unknown": unknown}}]
        config = small_config(source, preprocess=steps)
        model = nnkit.train(config, runs=tmp_path / "runs").load()
        if unknown == "error":
            with pytest.raises(
                DataError, match=r"new.csv:3: column 'colour': 'purple' is not amon"
            ):
                model.read_table(new)
            continue
        with pytest.warns(
            UserWarning, match=r"new.csv:3: .*'purple'.*; 2 rows are encoded as none"
        ):
            X = model.read_table(new)
        encoded = model.preprocessor(X, FLOAT64)[:, 1:4]
        assert encoded[:3].tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
        assert encoded[3].sum() == 1


def table_config(folder: Path) -> Any:
    """A config for a table with numbers, words and missing cells."""
    rows = [f"{i / 7 if i % 5 else ''},{'abc'[i % 3]},{i % 2}\n" for i in range(200)]
    (folder / "t.csv").write_text("x,w,y\n" + "".join(rows), encoding="utf-8")
    return {
        "data": {
            "source": {"kind": "csv", "path": str(folder / "t.csv")},
            "preprocess": ["impute", "standardize", "one_hot"],
        },
        "architecture": {"layers": [{"dense": 3}, {"dense": 2}]},
        "training": {"epochs": 2},
    }


def test_a_table_is_prepared_in_parts_as_it_is_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load_task(nnkit.load_config(table_config(tmp_path)))
    inputs = np.asarray(task.sets["train"].inputs)
    at_once = task.preprocessor(inputs, task.dtype)
    monkeypatch.setattr(preprocessor, "AT_ONCE", 32)
    np.testing.assert_array_equal(task.preprocessor(inputs, task.dtype), at_once)
    assert task.preprocessor(inputs[:0], task.dtype).shape == (0, *at_once.shape[1:])


def test_a_selection_of_a_large_table_trains_as_a_copy_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = table_config(tmp_path)
    copied = nnkit.train(config, runs=tmp_path / "copied")
    monkeypatch.setattr(lazy, "COPIED", 0)
    monkeypatch.setattr(preprocessor, "IN_MEMORY", 0)
    assert isinstance(load_task(nnkit.load_config(config)).sets["train"].inputs, lazy.LazyArray)
    selected = nnkit.train(config, runs=tmp_path / "selected")
    assert selected.summary["weights_sha256"] == copied.summary["weights_sha256"]
    assert selected.summary["results"] == copied.summary["results"]


@pytest.mark.parametrize("raw", [np.uint8, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("steps", [(), (Rescale(by=3),), (Rescale(), Standardize())])
def test_a_factor_does_what_the_steps_do(
    steps: tuple[PreprocessingStep, ...], dtype: type[Any], raw: type[Any]
) -> None:
    X = np.arange(256).reshape(-1, 2).astype(raw)
    fitted = Preprocessor.fit(steps, X, ())
    factor = fitted.factor(X.dtype, np.dtype(dtype))
    assert (factor is None) == (
        len(steps) == 2 or (raw != dtype and (raw, dtype) != (np.uint8, np.float32))
    )
    if factor is not None:
        expected = X.astype(dtype) * dtype(factor)
        np.testing.assert_array_equal(fitted(X, np.dtype(dtype)), expected)
