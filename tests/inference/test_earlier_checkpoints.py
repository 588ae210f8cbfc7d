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
from tests.golden.make_checkpoints import CONFIGS, ENGLISH, FOLDER, FRENCH, answers

RELEASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
CASES = [
    pytest.param(FOLDER / release / f"{name}.safetensors", case, id=f"{release}-{name}")
    for release in RELEASES
    for name, case in json.loads((FOLDER / release / "expected.json").read_text("utf-8")).items()
]


@pytest.mark.parametrize(("path", "expected"), CASES)
def test_they_give_what_they_gave(path: Path, expected: dict[str, Any]) -> None:
    """Texts and tags are the same; probabilities and numbers may be rounded differently."""
    found = answers(nnkit.load_checkpoint(path), expected["inputs"])
    assert found["texts"] == expected["texts"]
    np.testing.assert_allclose(found["numbers"], expected["numbers"], rtol=1e-3, atol=1e-6)


def test_there_are_checkpoints_of_each_kind_of_this_version() -> None:
    stored = {path.stem for path in (FOLDER / __version__).glob("*.safetensors")}
    assert stored == set(CONFIGS)


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
