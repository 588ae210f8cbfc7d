"""Reversal of integers, compared with the files that Joey NMT's script writes."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest

from nnkit.data.dataset import Samples
from nnkit.data.sources.generators.reversal import Reversal

# SHA-256 of train, dev and test, .src and .trg, as written by scripts/generate_reverse_task.py of
# Joey NMT (commit 0ae2902) with its default settings.
PUBLISHED = {
    "train": (
        "ee8da45813d244a1d758ee00833e19578a3e153ad6f58710a8b092b6dce5be33",
        "4d38fbdd76136d289ac78e1986c082e60c5da711ebddefd901b68273769a16be",
    ),
    "validation": (
        "f03a9701d841a5d9e89f13623a29a90126d6897fd691e667a771ac4ff0347ff8",
        "69e9cb16f241096f2a2525f9a759d5c35c7351d12a348d4519b0f4d095943941",
    ),
    "test": (
        "52412dcf982cde026907210e9319cfeb1954b49788b6b91eab7c0510a05b8e25",
        "5cdac19383c92bccc237b7156dd7c7a960c4e72e93c48fac7c9bd3d2a8371c6a",
    ),
}


def digests(samples: Samples | None) -> tuple[str, ...]:
    assert samples is not None
    files = ("".join(f"{text}\n" for text in part[:]) for part in (samples.inputs, samples.targets))
    return tuple(sha256(file.encode()).hexdigest() for file in files)


def random_state() -> str:
    return repr(np.random.get_state(legacy=False))  # noqa: NPY002


@pytest.mark.slow
def test_the_sets_are_the_published_files() -> None:
    dataset = Reversal().read()
    assert digests(dataset.samples) == PUBLISHED["train"]
    assert digests(dataset.validation) == PUBLISHED["validation"]
    assert digests(dataset.test) == PUBLISHED["test"]


def test_numpys_global_generator_is_left_alone() -> None:
    before = random_state()
    Reversal(count=5, validation_count=5, test_count=5).read()
    assert random_state() == before


@pytest.mark.parametrize(("longest", "below"), [(1, 1), (3, 4)])
def test_limits(longest: int, below: int) -> None:
    dataset = Reversal(count=300, longest=longest, below=below, seed=0).read()
    for samples, limit in ((dataset.samples, longest), (dataset.test, longest + 5)):
        assert samples is not None
        integers = [list(map(int, text.split(" "))) for text in samples.inputs[:]]
        assert {len(sequence) for sequence in integers} == set(range(1, limit + 1))
        assert {value for sequence in integers for value in sequence} == set(range(below))
