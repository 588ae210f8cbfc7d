"""Tests of invalid data: reported before anything is written, with file, place and remedy."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nnkit
from nnkit.config.yaml_dump import dump_yaml
from nnkit.data.sources.mnist import FILES
from nnkit.errors import ConfigError, DataError
from tests.data.files import idx_bytes, write_npy
from tests.data.small import DATA, small_config

Source = dict[str, Any]
X, Y = np.zeros((12, 3)), np.arange(12) % 2
TABLE = "a,b,kind\n" + "1,2,x\n3,4,y\n" * 6


def altered(array: Any, index: int, value: Any) -> Any:
    array = array.copy()
    array[index] = value
    return array


def npy(**arrays: Any) -> Callable[[Path], Source]:
    return lambda folder: {
        "kind": "npy",
        **write_npy(folder, **{"inputs": X, "targets": Y, **arrays}),
    }


def npz(**arrays: Any) -> Callable[[Path], Source]:
    def make(folder: Path) -> Source:
        np.savez(folder / "d.npz", **{"inputs": X, "targets": Y, **arrays})
        return {"kind": "npz", "path": str(folder / "d.npz")}

    return make


def csv(text: str | bytes, **settings: Any) -> Callable[[Path], Source]:
    def make(folder: Path) -> Source:
        path = folder / "t.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return {"kind": "csv", "path": str(path), **settings}

    return make


def idx(images: bytes, labels: bytes) -> Callable[[Path], Source]:
    def make(folder: Path) -> Source:
        (folder / "images").write_bytes(images)
        (folder / "labels").write_bytes(labels)
        return {
            "kind": "idx",
            "inputs": str(folder / "images"),
            "targets": str(folder / "labels"),
        }

    return make


def images(**folders: bytes | None) -> Callable[[Path], Source]:
    """Creates a folder per class: with a picture, with given content instead, or empty."""

    def make(folder: Path) -> Source:
        for name, content in folders.items():
            (folder / name).mkdir()
            if content == b"picture":
                Image.new("L", (9, 9)).save(folder / name / "a.png")
            elif content is not None:
                (folder / name / "a.png").write_bytes(content)
        return {"kind": "image_folder", "path": str(folder)}

    return make


def mnist(file: str, content: bytes) -> Callable[[Path], Source]:
    def make(folder: Path) -> Source:
        shutil.copytree(DATA / "mnist", folder / "mnist")
        (folder / "mnist" / file).write_bytes(content)
        return {"kind": "mnist"}

    return make


def nothing(source: Source) -> Callable[[Path], Source]:
    return lambda folder: {k: v if k == "kind" else str(folder / v) for k, v in source.items()}


IMAGES, LABELS = idx_bytes(np.zeros((12, 2, 2))), idx_bytes(Y)
PACKED = (DATA / "mnist" / FILES[3]).read_bytes()
BAD_LABELS = gzip.compress(idx_bytes(np.full(10_000, 10)))
FEW_LABELS = gzip.compress(idx_bytes(np.zeros(9_999)))

# The fault, how to produce it, and how the message starts (after the folder) and what it contains.
BAD: dict[str, tuple[Callable[[Path], Source], str, str]] = {
    "mnist truncated": (mnist(FILES[3], PACKED[:-9]), f"mnist/{FILES[3]}: ", "damaged gzip"),
    "mnist no gzip": (mnist(FILES[1], b"x" * 99), f"mnist/{FILES[1]}: ", "nnkit data fetch mnist"),
    "mnist labels": (mnist(FILES[3], BAD_LABELS), f"mnist/{FILES[3]}: ", "here up to 9"),
    "mnist counts": (mnist(FILES[3], FEW_LABELS), f"mnist/{FILES[2]}: ", "but 9999 targets in"),
    "idx missing": (nothing({"kind": "idx", "inputs": "a", "targets": "b"}), "a: ", "no such file"),
    "idx magic": (idx(b"\x89PNG" + IMAGES, LABELS), "images: ", "not an IDX file"),
    "idx truncated": (idx(IMAGES[:-1], LABELS), "images: ", "63 bytes, but its header says 64"),
    "idx gzip cut": (idx(gzip.compress(IMAGES)[:-5], LABELS), "images: ", "damaged gzip"),
    "idx counts": (idx(IMAGES, idx_bytes(Y[:9])), "images: ", "12 samples, but 9 targets in"),
    "npy missing": (nothing({"kind": "npy", "inputs": "a", "targets": "b"}), "a: ", "no such file"),
    "npy counts": (npy(targets=Y[:-1]), "inputs.npy: ", "12 samples, but 11 targets in"),
    "npy nan": (npy(inputs=altered(X, 7, np.nan)), "inputs.npy: ", "NaN in sample 7 (counted"),
    "npy infinity": (npy(targets=altered(X, 3, -np.inf)), "targets.npy: ", "infinity in sample 3"),
    "npy words": (npy(targets=np.array(["a", "b"] * 6)), "targets.npy: ", "classes as 0, 1, 2"),
    "npy objects": (npy(inputs=np.array([{}] * 12)), "inputs.npy: ", "contains Python objects"),
    "npy negative": (npy(targets=altered(Y, 5, -1)), "targets.npy: ", "sample 5 (counted from 0)"),
    "npy years": (npy(targets=Y + 2000), "targets.npy: ", "store targets that are not classes as"),
    "npy none": (npy(inputs=X[:0], targets=Y[:0]), "inputs.npy: ", "no samples"),
    "npy hollow": (npy(inputs=X[:, :0]), "inputs.npy: ", "no samples; its shape is (12, 0)"),
    "npy one number": (npy(inputs=np.float64(1)), "inputs.npy: ", "a single number"),
    "npy other shape": (
        npy(test_inputs=np.zeros((3, 4)), test_targets=Y[:3]),
        "test_inputs.npy: ",
        "samples of shape (4,), but training samples of shape (3,)",
    ),
    "npy other classes": (
        npy(test_inputs=X[:3], test_targets=np.array([0, 1, 2])),
        "test_targets.npy: ",
        "contains the classes 0 to 2",
    ),
    "npz missing": (nothing({"kind": "npz", "path": "a.npz"}), "a.npz: ", "no such file"),
    "npy weights missing": (
        lambda folder: {**npy()(folder), "weights": str(folder / "w.npy")},
        "w.npy: ",
        "no such file",
    ),
    "npy weights negative": (
        npy(weights=altered(np.ones(12), 4, -2)),
        "weights.npy: ",
        "sample 4 (counted from 0) has the weight -2",
    ),
    "npy weights nan": (npy(weights=altered(np.ones(12), 4, np.nan)), "weights.npy: ", "NaN in"),
    "npy weights counts": (
        npy(weights=np.ones(11)),
        "weights.npy: ",
        "weights of shape (11,) for 12 samples",
    ),
    "npy weights words": (
        npy(weights=np.array(["a"] * 12)),
        "weights.npy: ",
        "which is not numeric",
    ),
    "npy weights zero": (npy(weights=np.zeros(12)), "weights.npy: ", "all weights are 0"),
    "npy test weights": (
        npy(test_inputs=X[:3], test_targets=Y[:3], test_weights=np.ones(4)),
        "test_weights.npy: ",
        "weights of shape (4,) for 3 samples",
    ),
    "npz weights missing": (
        lambda folder: {**npz()(folder), "weights": "w"},
        "d.npz: ",
        "no array 'w'; available: inputs, targets",
    ),
    "csv weight missing": (csv("a,w,kind\n1,2,x\n1,,y\n", weights="w"), "t.csv:3: ", "is missing"),
    "csv weight word": (
        csv("a,w,kind\n1,2,x\n1,two,y\n", weights="w"),
        "t.csv:3: ",
        "column 'w': 'two' is not a number",
    ),
    "csv weight negative": (
        csv("a,w,kind\n1,2,x\n1,-1,y\n", weights="w"),
        "t.csv:3: ",
        "the weight 'w' is -1; it must not be negative",
    ),
    "csv weights zero": (csv("a,w,kind\n1,0,x\n1,0,y\n", weights="w"), "t.csv: ", "in every row"),
    "csv several labels": (
        csv("a,b,c\n1,2,3\n1,two,3\n", label=["b", "c"]),
        "t.csv:3: ",
        "column 'b': 'two' is not a number",
    ),
    "csv several labels missing": (
        csv("a,b,c\n1,2,3\n1,2,\n", label=["b", "c"]),
        "t.csv:3: ",
        "the label 'c' is missing",
    ),
    "npz nan": (npz(inputs=altered(X, 7, np.nan)), "d.npz: array 'inputs': ", "NaN in sample 7"),
    "npz objects": (npz(targets=np.array([None] * 12)), "d.npz: ", "save plain numbers"),
    "npz one number": (npz(targets=3), "d.npz: array 'targets': ", "a single number"),
    "csv missing": (nothing({"kind": "csv", "path": "t.csv"}), "t.csv: ", "no such file"),
    "csv empty": (csv(""), "t.csv: ", "empty; expected a row of column names"),
    "csv header alone": (csv("a,b\n"), "t.csv: ", "no rows below the header, a, b"),
    "csv short row": (csv(TABLE + "1,2\n"), "t.csv:14: ", "have 3; leave an empty cell"),
    "csv long row": (csv(TABLE + "1,2,3,4\n"), "t.csv:14: ", "have 3; put quotes around"),
    "csv infinity": (csv(TABLE + "1,inf,x\n"), "t.csv:14: column 'b': ", "'inf' is not a finite"),
    "csv twice": (csv("1,1,b\n1,2,3\n"), "t.csv:1: ", "'1'; is the first row a header?"),
    "csv no label": (csv(TABLE + "1,2,\n"), "t.csv:14: ", "the label 'kind' is missing; fill it"),
    "csv one class": (
        csv("a,b\n1,x\n2,x\n"),
        "t.csv: ",
        "all labels are 'x'; choose another column",
    ),
    "csv one column": (csv("a;b\n1;x\n"), "t.csv: ", "is data.source.delimiter right?"),
    "csv open quote": (csv(TABLE + '1,2,"x\n'), "t.csv:14: ", "not CSV: unexpected end of data"),
    "csv latin-1": (csv(TABLE.encode() + b"1,2,\xe9\n"), "t.csv:14: ", "not UTF-8 text; save it"),
    "csv folder": (nothing({"kind": "csv", "path": ""}), ": ", "Is a directory"),
    "images none": (images(), ": ", "at least two classes, found none"),
    "images one class": (images(a=b"picture"), ": ", "at least two classes, found only 'a'"),
    "images empty": (images(a=b"picture", b=None), "b: ", "no pictures in it"),
    "images unreadable": (
        images(a=b"picture", b=b"text"),
        "b/a.png: ",
        "not a picture in a supported format",
    ),
    "images missing": (
        nothing({"kind": "image_folder", "path": "d"}),
        "d: ",
        "no such file or folder",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_is_refused_before_anything_is_written(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, begins, contains = BAD[case]
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("NNKIT_DATA", str(folder))
    config = small_config(make(folder))
    with pytest.raises(DataError) as caught:
        nnkit.train(config, runs=tmp_path / "runs")
    assert caught.value.exit_code == 3
    message = re.sub(r"^data\.source\.\w+: ", "", str(caught.value))
    assert message.startswith(f"{folder}/{begins}".replace("/: ", ": "))
    assert contains in message
    assert not (tmp_path / "runs").exists()


def test_without_mnist_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNKIT_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        nnkit.train(small_config("mnist"), runs="runs")
    remedies = "NNKIT_DATA", "`nnkit data fetch mnist`"
    for part in (tmp_path / "nowhere", "data", tmp_path / "cache", *remedies):
        assert str(part) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


WORDS = "colour,size,kind\n" + "red,1,x\nblue,,y\n" * 10
NUMBERS = "a,b,kind\n" + "1,2,x\n3,4,y\n" * 10

# The fault: the table, settings of its source, settings of `data:`, and the error after the
# config's name.
FAULTS: dict[str, tuple[str, Source, dict[str, Any], str]] = {
    "label": (
        NUMBERS,
        {"label": "sort"},
        {},
        ":5:12: data.source.label: t.csv: no column 'sort'; available: a, b, kind",
    ),
    "label index": (
        NUMBERS,
        {"label": 3},
        {},
        ":5:12: data.source.label: t.csv: no column '3'; available: a, b, kind",
    ),
    "ignore": (
        NUMBERS,
        {"ignore": ["a", "c"]},
        {},
        ":7:7: data.source.ignore.1: t.csv: no column 'c'; available: a, b, kind",
    ),
    "ignored label": (
        NUMBERS,
        {"ignore": ["kind"]},
        {},
        ":6:7: data.source.ignore.0: 'kind' is already used as data.source.label",
    ),
    "one of several labels": (
        NUMBERS,
        {"label": ["a", "c"]},
        {},
        ":7:7: data.source.label.1: t.csv: no column 'c'; available: a, b, kind",
    ),
    "a label twice": (
        NUMBERS,
        {"label": ["a", 0]},
        {},
        ":7:7: data.source.label.1: 'a' is already used as data.source.label",
    ),
    "several columns of classes": (
        NUMBERS,
        {"label": ["a", "b"], "task": "classification"},
        {},
        ":8:11: data.source.task: classes must be in one column, but data.source.label lists 2",
    ),
    "weights": (
        NUMBERS,
        {"weights": "wheight"},
        {},
        ":5:14: data.source.weights: t.csv: no column 'wheight'; available: a, b, kind",
    ),
    "weights that are the label": (
        NUMBERS,
        {"weights": "kind"},
        {},
        ":5:14: data.source.weights: 'kind' is already used as data.source.label",
    ),
    "weights left out": (
        NUMBERS,
        {"weights": "a", "ignore": ["a"]},
        {},
        ":7:7: data.source.ignore.0: 'a' is already used as data.source.weights",
    ),
    "words": (
        WORDS,
        {},
        {"preprocess": ["impute"]},
        ":6:3: data.preprocess: column 'colour' contains text; add 'one_hot'",
    ),
    "no words": (
        NUMBERS,
        {},
        {"preprocess": ["one_hot"]},
        ":6:5: data.preprocess.0: this data has no text columns",
    ),
    "nothing to impute from": (
        NUMBERS.replace("1,2", ",2").replace("3,4", ",4"),
        {},
        {"preprocess": ["impute"]},
        ":6:5: data.preprocess.0: column 'a' has no values in the training data",
    ),
    "empty validation": (
        NUMBERS,
        {},
        {"split": {"validation": 0.01}},
        ":6:17: data.split.validation: 0.01 of 20 samples gives an empty validation set",
    ),
    "no whole number": (
        NUMBERS,
        {},
        {"split": {"test": 2.5}},
        ":6:11: data.split.test: 2.5 samples is not a whole number",
    ),
    "nothing left": (
        NUMBERS,
        {},
        {"split": {"validation": 10, "test": 10}},
        ":6:5: data.split: holding out 20 of 20 samples leaves none for training",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_of_the_config_points_at_the_setting(case: str, tmp_path: Path) -> None:
    text, source, others, expected = FAULTS[case]
    (tmp_path / "t.csv").write_text(text)
    data = {"source": {"kind": "csv", "path": "t.csv", **source}, **others}
    path = tmp_path / "config.yaml"
    path.write_text(dump_yaml({"data": data, "architecture": {"layers": [{"dense": 2}]}}))
    with pytest.raises(ConfigError) as caught:
        nnkit.train(nnkit.load_config(path), runs=tmp_path / "runs")
    about_data = case in ("empty validation", "nothing left")
    assert caught.value.exit_code == (3 if about_data else 2)
    message = str(caught.value).removeprefix(str(path)).replace(f"{tmp_path}/", "")
    assert message.startswith(expected)
    assert not (tmp_path / "runs").exists()


def test_missing_values_name_the_step_that_fills_them(tmp_path: Path) -> None:
    config = small_config(csv(WORDS)(tmp_path), preprocess=["one_hot", "standardize"])
    with pytest.raises(
        DataError, match="column 'size' has missing values; fill them in, or add 'impute'"
    ):
        nnkit.train(config, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_test_share_beside_a_test_set_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNKIT_DATA", str(DATA))
    config = small_config("mnist", split={"test": 0.1})
    with pytest.raises(ConfigError, match=r"data\.split\.test: this source has its own test set"):
        nnkit.train(config, runs=tmp_path / "runs")


def test_npz_without_the_named_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X, y=Y)
    config = small_config({"kind": "npz", "path": str(tmp_path / "d.npz")})
    with pytest.raises(DataError, match=r"d\.npz: no array 'inputs'; available: x, y"):
        nnkit.train(config, runs=tmp_path / "runs")
