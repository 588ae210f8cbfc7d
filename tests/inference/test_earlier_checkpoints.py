"""Tests that checkpoints of releases load and give what they gave then."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.inference.decoding_options import DecodingLike
from nnkit.version import __version__
from tests.golden import make_table_checkpoints as of_tables
from tests.golden.make_checkpoints import CONFIGS, ENGLISH, FOLDER, FRENCH, answers

RELEASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
CASES = [
    pytest.param(FOLDER / release / f"{name}.safetensors", case, id=f"{release}-{name}")
    for release in RELEASES
    for name, case in json.loads((FOLDER / release / "expected.json").read_text("utf-8")).items()
]
TABLE_RELEASES = sorted(path for path in of_tables.FOLDER.iterdir() if path.is_dir())
TABLE_CASES = [
    pytest.param(release / f"{name}.safetensors", case, id=f"{release.name}-{name}")
    for release in TABLE_RELEASES
    for name, case in json.loads((release / "expected.json").read_text("utf-8")).items()
]
# Samples for which a checkpoint gave other outputs because of a fault, which CHANGELOG.md names.
MENDED = {
    # The last row has another value in a column that was constant in training.
    "0.1.0.dev0-prices": [4],
    "0.1.0.dev0-grades": [4],
    # Numbers of words were scaled before they were encoded; only that of the first word is 0.
    "0.1.0.dev0-districts": [1, 2, 3],
    # The range of the picture with 16 bits was spread.
    "0.1.0.dev0-pictures": [3],
}


@pytest.mark.parametrize(("path", "expected"), CASES)
def test_they_give_what_they_gave(path: Path, expected: dict[str, Any]) -> None:
    """Texts and tags are the same; probabilities and numbers may be rounded differently."""
    found = answers(nnkit.load_checkpoint(path), expected["inputs"])
    assert found["texts"] == expected["texts"]
    np.testing.assert_allclose(found["numbers"], expected["numbers"], rtol=1e-3, atol=1e-6)


def test_there_are_checkpoints_of_each_kind_of_this_version() -> None:
    stored = {path.stem for path in (FOLDER / __version__).glob("*.safetensors")}
    assert stored == set(CONFIGS)


@pytest.mark.parametrize(("path", "expected"), TABLE_CASES)
def test_models_of_tables_and_pictures_give_what_they_gave(
    path: Path, expected: dict[str, Any]
) -> None:
    """Except for faults that were mended."""
    found = of_tables.answers(nnkit.load_checkpoint(path), path.parent)
    now, then = np.array(found["outputs"]), np.array(expected["outputs"])
    differ = ~np.isclose(now, then, rtol=1e-3, atol=1e-5).all(axis=1)
    assert np.flatnonzero(differ).tolist() == MENDED.get(f"{path.parent.name}-{path.stem}", [])
    if isinstance(found["predictions"][0], str):
        kept = np.delete(found["predictions"], np.flatnonzero(differ)).tolist()
        assert kept == np.delete(expected["predictions"], np.flatnonzero(differ)).tolist()


def test_there_are_tables_and_pictures_of_this_version() -> None:
    folder = of_tables.FOLDER / __version__
    assert {path.stem for path in folder.glob("*.safetensors")} == set(of_tables.CONFIGS)


def test_a_beam_writes_better_texts_than_greedy_decoding(tmp_path: Path) -> None:
    """Compares them on all sentences of up to three numbers, of which some are hard for it."""
    chosen = [numbers for n in (1, 2, 3) for numbers in product(range(6), repeat=n)]
    lines = [
        " ".join(ENGLISH[i] for i in c) + "\t" + " ".join(FRENCH[i] for i in c) for c in chosen
    ]
    (tmp_path / "all.tsv").write_text("\n".join(lines), encoding="utf-8")
    model = nnkit.load_checkpoint(FOLDER / __version__ / "translator.safetensors")
    methods: list[DecodingLike] = ["greedy", {"beam": 5}]
    greedy, beam = model.report(data=tmp_path / "all.tsv", decoding=methods).written
    assert beam.figures["bleu"] > greedy.figures["bleu"]
    assert greedy.search_errors is not None
    assert beam.search_errors is not None
    assert beam.search_errors < greedy.search_errors
