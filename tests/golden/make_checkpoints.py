"""Trains small networks over sequences and stores their checkpoints, which later versions load.

python -m tests.golden.make_checkpoints writes the folder checkpoints/VERSION: a checkpoint of each
network, and expected.json with inputs and what the networks gave for them. It is run once for each
release; the folders of earlier releases stay as they are.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nnkit
from nnkit.inference.trained_model import TrainedModel
from nnkit.random import generator
from nnkit.runs.checkpoint import read_checkpoint, write_checkpoint
from nnkit.version import __version__

CHECKED = ("format", "sha256")  # parts of a header that writing adds
FOLDER = Path(__file__).with_name("checkpoints")
ENGLISH = ("one", "two", "three", "four", "five", "six")
FRENCH = ("un", "deux", "trois", "quatre", "cinq", "six")
TEXTS = ("two", "one six", "three three five", "four two one", "ten two", "five <unk> six one")
AUTO = {"dense": "auto"}
LAST: dict[str, Any] = {"units": 6}
EACH: dict[str, Any] = {"units": 8, "output": "all"}
PAIRS = {"kind": "pairs", "path": "pairs.tsv"}
OF_NUMBERS = {"activation": {"output": "identity"}, "loss": "squared_error"}
ATTEND = {"layers": [{"layer_norm": "channels"}, {"self_attention": {"heads": 2}}]}

# The sections of each config.
CONFIGS: dict[str, dict[str, Any]] = {
    "translator": {
        "data": {"source": PAIRS, "text": "word", "split": {"by": "source"}},
        "architecture": {
            "encoder": [{"embedding": 6}, {"gru": {"units": 6, "bidirectional": True}}],
            "decoder": [
                {"embedding": 6},
                {"gru": 10},
                {"attention": {"score": "general", "input_feeding": True}},
                AUTO,
            ],
        },
        "decoding": {"beam": 3},
    },
    "byte-pairs": {
        "data": {"source": PAIRS, "text": "character", "target_text": {"unit": {"bpe": 12}}},
        "architecture": {
            "encoder": [{"embedding": 6}, {"lstm": 12}],
            "decoder": [{"embedding": 6}, {"lstm": 12}, {"attention": "additive"}, AUTO],
            "start": "last",
        },
    },
    "tagger": {
        "data": {"source": {"kind": "tagged", "path": "tags.tsv"}},
        "architecture": {"layers": [{"embedding": 4}, {"lstm": {**EACH, "peepholes": True}}, AUTO]},
    },
    "classifier": {
        "data": {"source": {**PAIRS, "path": "classes.tsv", "targets": "class"}, "text": "word"},
        "architecture": {
            "layers": [
                {"embedding": 6},
                "positional_encoding",
                {"residual": {**ATTEND, "activation": "identity"}},
                "global_avg_pool",
                AUTO,
            ]
        },
    },
    "number": {
        "data": {
            "source": {**PAIRS, "path": "sums.tsv", "targets": "number"},
            "text": "word",
            "target": "standardize",
        },
        "architecture": {"layers": [{"embedding": 4}, {"rnn": LAST}, {"dense": 1}]},
        **OF_NUMBERS,
    },
    "lines": {
        "data": {
            "source": {"kind": "text", "path": "lines.txt", "samples": "lines"},
            "targets": "next",
        },
        "architecture": {"layers": [{"embedding": 4}, {"gru": {**EACH, "reset": "before"}}, AUTO]},
    },
    "stream": {
        "data": {
            "source": {"kind": "text", "path": "lines.txt"},
            "targets": "next",
            "windows": {"length": 16, "stream": True},
        },
        "architecture": {"layers": ["one_hot", {"lstm": EACH}, AUTO]},
    },
    "series": {
        "data": {
            "source": {"kind": "series", "path": "series.csv", "window": 8, "horizon": 2},
            "preprocess": [{"standardize": "all"}],
            "target": "standardize",
        },
        "architecture": {"layers": [{"lstm": LAST}, {"dense": 2}]},
        **OF_NUMBERS,
    },
}
TRAINING = {
    "optimizer": {"kind": "adam", "lr": 0.02, "schedule": "cosine"},
    "training": {"epochs": 40, "batch_size": 16},
}


def write_data(folder: Path) -> None:
    """Writes sentences of numbers with translations, tags, classes and sums, and a series."""
    rng = generator(0, "checkpoints")
    chosen = [rng.integers(6, size=rng.integers(1, 4)).tolist() for _ in range(240)]
    of_kind: dict[str, list[str]] = {
        "pairs.tsv": [" ".join(FRENCH[n] for n in numbers) for numbers in chosen],
        "tags.tsv": [" ".join(("odd", "even")[n % 2] for n in numbers) for numbers in chosen],
        "classes.tsv": [("few", "many")[len(numbers) > 2] for numbers in chosen],
        "sums.tsv": [str(sum(numbers) + len(numbers)) for numbers in chosen],
    }
    sources = [" ".join(ENGLISH[n] for n in numbers) for numbers in chosen]
    for name, targets in of_kind.items():
        rows = [f"{source}\t{target}\n" for source, target in zip(sources, targets, strict=True)]
        (folder / name).write_text("".join(rows), encoding="utf-8")
    (folder / "lines.txt").write_text("\n".join(sources), encoding="utf-8")
    values = [f"{20 + 5 * math.sin(i / 3):.3f}\n" for i in range(100)]
    (folder / "series.csv").write_text("value\n" + "".join(values), encoding="utf-8")


def answers(model: TrainedModel, inputs: Sequence[Any]) -> dict[str, list[Any]]:
    """Predicts with a model: texts with their scores, tags, probabilities, or numbers."""
    if model.writes:
        method = None if model.config.architecture.decoder else "greedy"
        best = [found[0] for found in model.write(inputs, method)]
        return {
            "texts": [each.text for each in best],
            "numbers": [each.log_probability for each in best],
        }
    if model.tags:
        return {"texts": model.predict(inputs).tolist(), "numbers": []}
    predicted = model.predict(inputs)
    if model.config.loss.kind == "squared_error":
        return {"texts": [], "numbers": predicted.tolist()}
    return {"texts": predicted.tolist(), "numbers": model.outputs(inputs).tolist()}


def store(checkpoint: Path, place: Path) -> None:
    """Stores a checkpoint without the optimizer's state and the folder of the data."""
    whole = read_checkpoint(checkpoint)
    header = {name: value for name, value in whole.header.items() if name not in CHECKED}
    source = header["config"]["data"]["source"]
    source["path"] = Path(source["path"]).name
    kept = {name: a for name, a in whole.tensors.items() if not name.startswith("optimizer/")}
    write_checkpoint(place, kept, header)


def main() -> None:
    """Writes the checkpoints of this version."""
    place = FOLDER / __version__
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    expected = {}
    with TemporaryDirectory() as temporary:
        os.chdir(temporary)
        write_data(Path())
        for name, sections in CONFIGS.items():
            run = nnkit.train({"name": name, **sections, **TRAINING})
            path = place / f"{name}.safetensors"
            store(run.directory / "checkpoints" / "best.safetensors", path)
            series = [[[20 + 5 * math.sin((i + start) / 3) for i in range(8)]] for start in (0, 5)]
            inputs: Sequence[Any] = series if name == "series" else TEXTS
            expected[name] = {"inputs": inputs, **answers(nnkit.load_checkpoint(path), inputs)}
            print(name, run.results["validation"], expected[name], sep="\n  ")
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (place / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
