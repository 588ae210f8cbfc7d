"""Small models of texts, trained in a moment, one of each kind."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import nnkit
from nnkit.inference.trained_model import TrainedModel
from nnkit.random import generator

ENGLISH = ("one", "two", "three", "four", "five", "six")
FRENCH = ("un", "deux", "trois", "quatre", "cinq", "six")
KINDS = ("translate", "label", "number", "tag", "lines", "windows")

ENCODER = [{"embedding": 12}, {"gru": {"units": 16, "bidirectional": True}}]
DECODER = [{"embedding": 12}, {"gru": 24}, {"attention": "additive"}, {"dense": "auto"}]
LAST = [{"embedding": 8}, {"gru": 8}]
EACH = [{"embedding": 8}, {"gru": {"units": 12, "output": "all"}}, {"dense": "auto"}]


def sentences(kind: str, count: int = 200) -> str:
    """Lines of English numbers, with their translation, class, sum or tags after a tab."""
    rng = generator(0, "text models")
    lines = []
    for _ in range(count):
        numbers = rng.integers(6, size=rng.integers(1, 5)).tolist()
        source = " ".join(ENGLISH[i] for i in numbers)
        target = {
            "translate": " ".join(FRENCH[i] for i in numbers),
            "label": "long" if len(numbers) > 2 else "short",
            "number": str(sum(numbers) + len(numbers)),
            "tag": " ".join("odd" if i % 2 == 0 else "even" for i in numbers),
        }
        lines.append(f"{source}\t{target[kind]}" if kind in target else source)
    return "\n".join(lines) + "\n"


def settings(kind: str, data: Path) -> dict[str, Any]:
    """The config of a model of that kind, and its data, which is written to a file."""
    data.write_text(sentences(kind), encoding="utf-8")
    pairs = {"kind": "pairs", "path": str(data)}
    of_kind: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "translate": (
            {"source": pairs, "text": "word", "split": {"by": "source"}},
            {"encoder": ENCODER, "decoder": DECODER},
        ),
        "label": (
            {"source": {**pairs, "targets": "class"}, "text": "word"},
            {"layers": [*LAST, {"dense": 2}]},
        ),
        "number": (
            {"source": {**pairs, "targets": "number"}, "text": "word", "target": "standardize"},
            {"layers": [*LAST, {"dense": 1}]},
        ),
        "tag": ({"source": {"kind": "tagged", "path": str(data)}}, {"layers": EACH}),
        "lines": (
            {
                "source": {"kind": "text", "path": str(data), "samples": "lines"},
                "targets": "next",
            },
            {"layers": EACH},
        ),
        "windows": (
            {"source": {"kind": "text", "path": str(data)}, "targets": "next", "windows": 16},
            {"layers": EACH},
        ),
    }
    section, architecture = of_kind[kind]
    if kind != "windows":
        section = {**section, "split": {"validation": 0, "test": 0.2, **section.get("split", {})}}
    number = {"activation": {"output": "identity"}, "loss": "squared_error"}
    return {
        "name": kind,
        "data": section,
        "architecture": architecture,
        "optimizer": {"kind": "adam", "lr": 0.02},
        "training": {"epochs": 4, "batch_size": 16},
        **(number if kind == "number" else {}),
    }


@cache
def run_of(kind: str, folder: Path) -> Path:
    """The folder of a finished run of a kind; trained once for each folder."""
    data = folder / f"{kind}.tsv"
    run = nnkit.train(settings(kind, data), runs=folder / "runs").directory
    data.unlink()  # a checkpoint is all that is needed
    return run


def model_of(kind: str, folder: Path) -> TrainedModel:
    """The model of a kind, loaded from its checkpoint."""
    return nnkit.load_checkpoint(run_of(kind, folder))
