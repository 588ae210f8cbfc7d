"""Trains small networks on tables and on pictures, and stores their checkpoints.

python -m tests.golden.make_table_checkpoints writes the folder table_checkpoints/VERSION: a
checkpoint of each network, the rows and pictures to predict, and expected.json with what the
networks gave for them. It is run once for each release.

The folder 0.1.0.dev0 was written by the code of commit 5267023, by this script with that name as an
argument; so it uses only what there was then.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

import nnkit
from nnkit.runs.checkpoint import read_checkpoint, write_checkpoint
from nnkit.version import __version__

CHECKED = ("format", "sha256")  # parts of a header that writing adds
FOLDER = Path(__file__).with_name("table_checkpoints")
ROWS = 120
SHAPES = ("columns", "plain", "rows")
CONV = {"filters": 3, "kernel": 3}
CSV = {"kind": "csv"}
UNUSED = ["built", "fee", "price"]
OF_NUMBERS = {"activation": {"output": "identity"}, "loss": "squared_error"}

# The data of each network, and sections of its config.
CONFIGS: dict[str, dict[str, Any]] = {
    "prices": {
        "data": {
            "source": {**CSV, "path": "prices.csv", "label": "price"},
            "preprocess": ["impute", "one_hot", "standardize"],
        },
        "architecture": {"layers": [{"dense": 8}, {"dense": 1}]},
        **OF_NUMBERS,
    },
    "grades": {
        "data": {
            "source": {**CSV, "path": "grades.csv", "label": "grade", "ignore": ["price"]},
            "preprocess": ["impute", "standardize", "one_hot"],
        },
        "architecture": {"layers": [{"dense": 8}, {"dense": 3}]},
    },
    "districts": {
        "data": {
            "source": {**CSV, "path": "prices.csv", "label": "lift", "ignore": UNUSED},
            "preprocess": ["impute", "scale", "one_hot"],
        },
        "architecture": {"layers": [{"dense": 4}, {"dense": 2}]},
    },
    "pictures": {
        "data": {
            "source": {"kind": "image_folder", "path": "pictures", "size": [8, 8]},
            "preprocess": ["scale"],
        },
        "architecture": {"layers": [{"conv": CONV}, {"max_pool": 2}, "flatten", {"dense": 3}]},
    },
}
TRAINING = {
    "optimizer": {"kind": "adam", "lr": 0.02},
    "training": {"epochs": 30, "batch_size": 16},
}
# Rows with a missing number, a missing word and a value of the column that was constant.
NEW = """area,rooms,district,built,lift,fee
80.5,3,north,1990,yes,1
41,2,old town,,no,1
120.25,5,south,2004,yes,1
63,3,,1956,no,1
63,3,north,1956,no,250
"""


def write_data() -> None:
    """Writes two tables of flats with prices and grades, and a folder of pictures."""
    rng = np.random.default_rng(0)
    flats, prices, grades = [], [], []
    for i in range(ROWS):
        area, district = rng.uniform(30, 150), ("north", "old town", "south")[i % 3]
        built = "" if i % 10 == 7 else str(rng.integers(1900, 2020))
        lift = ("yes", "no")[int(rng.random() < 0.5)]
        rooms = round(area / 30)
        price = 2 * area / 100 + (i % 3) / 2 + 0.3 * (lift == "yes") + rng.normal(0, 0.05)
        flats.append(f"{area:.2f},{rooms},{district},{built},{lift},1")
        prices.append(f"{price:.3f}")
        grades.append(("1.0", "2.0", "3.0")[int(price > 2) + int(price > 3)])
    header = "area,rooms,district,built,lift,fee,price"
    priced = [f"{flat},{price}\n" for flat, price in zip(flats, prices, strict=True)]
    Path("prices.csv").write_text(f"{header}\n{''.join(priced)}", encoding="utf-8")
    graded = [f"{row.strip()},{grade}\n" for row, grade in zip(priced, grades, strict=True)]
    Path("grades.csv").write_text(f"{header},grade\n{''.join(graded)}", encoding="utf-8")
    for shape in SHAPES:
        place = Path("pictures", shape)
        place.mkdir(parents=True)
        for i in range(20):
            Image.fromarray(picture(shape, rng)).save(place / f"{i}.png")


def picture(shape: str, rng: np.random.Generator) -> np.ndarray:
    """A noisy grey picture, (8, 8): bright every second column or row, or none."""
    grey = rng.integers(0, 80, size=(8, 8))
    if shape == "columns":
        grey[:, ::2] += 150
    if shape == "rows":
        grey[::2] += 150
    return grey.astype(np.uint8)


def write_inputs(place: Path) -> None:
    """Writes the rows and pictures to predict, one of them with 16 bits of grey."""
    (place / "new.csv").write_text(NEW, encoding="utf-8")
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        Image.fromarray(picture(shape, rng)).save(place / f"{shape}.png")
    deep = picture("rows", rng).astype(np.uint16) * 257 // 3
    Image.fromarray(deep).save(place / "sixteen-bits.png")


def answers(model: nnkit.TrainedModel, place: Path) -> dict[str, list[Any]]:
    """The predictions and outputs of a model for the rows or pictures in a folder."""
    if "csv" in model.config.data.source.kind:
        X = model.read_table(place / "new.csv")
    else:
        files = sorted(place.glob("*.png"))
        X = np.concatenate([model.read_picture(file) for file in files])
    return {"predictions": model.predict(X).tolist(), "outputs": model.outputs(X).tolist()}


def store(checkpoint: Path, place: Path) -> None:
    """Stores a checkpoint without the optimizer's state and the folder of the data."""
    whole = read_checkpoint(checkpoint)
    header = {name: value for name, value in whole.header.items() if name not in CHECKED}
    source = header["config"]["data"]["source"]
    source["path"] = Path(source["path"]).name
    kept = {
        name: array
        for name, array in whole.tensors.items()
        if not name.startswith(("optimizer/", "slots/"))
    }
    write_checkpoint(place, kept, header)


def main() -> None:
    """Writes the checkpoints of the nnkit that is imported."""
    place = FOLDER / (sys.argv[1] if sys.argv[1:] else __version__)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    write_inputs(place)
    expected = {}
    with TemporaryDirectory() as temporary:
        os.chdir(temporary)
        write_data()
        for name, sections in CONFIGS.items():
            config = Path(f"{name}.yaml")
            config.write_text(json.dumps({"name": name, **sections, **TRAINING}), encoding="utf-8")
            run = nnkit.train(nnkit.load_config(config))
            store(run.directory / "checkpoints" / "best.safetensors", place / f"{name}.safetensors")
            model = nnkit.load_checkpoint(place / f"{name}.safetensors")
            expected[name] = answers(model, place)
            print(name, expected[name], sep="\n  ")
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (place / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
