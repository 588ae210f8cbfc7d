"""Trains on a table with words and gaps, and predicts from rows: `python examples/table.py`."""

from __future__ import annotations

import nnkit

# A pandas, Polars or PyArrow data frame can be given in the same way.
FLATS = {
    "size": [30, 55, 80, 41, None, 120, 95, 62, 38, 74, 110, 49] * 4,
    "district": ["north", "old town", "north", None, "harbour", "north"] * 8,
    "balcony": [True, False, True, True, False, True, False, False] * 6,
    "let": [*("fast", "fast", "slow", "fast", "fast", "slow"), *("slow", "slow", "fast") * 2] * 4,
}
CONFIG = {
    "name": "flats",
    "data": {"preprocess": ["impute", "one_hot", "standardize"]},
    "architecture": {"layers": [{"dense": 16}, {"dense": 2}]},
    "training": {"epochs": 40},
    "optimizer": {"kind": "adam", "lr": 0.02},
}


def main() -> None:
    """Predicts the column `let` from the other columns."""
    run = nnkit.fit(FLATS, "let", CONFIG)
    print(f"accuracy on the test set: {run.results['test']['accuracy']:.0%}")

    model = run.load()
    flats: list[dict[str, object]] = [
        {"size": 35, "district": "harbour", "balcony": False},
        {"size": 115, "district": "north", "balcony": True},
        {"size": None, "district": "old town", "balcony": True},
    ]
    confidence = model.confidence(flats)
    assert confidence is not None
    for flat, predicted, certain in zip(flats, model.predict(flats), confidence, strict=True):
        print(f"{flat['district']}: {predicted}, {certain:.0%}")

    report = model.report(data=(FLATS, FLATS["let"]))
    print(f"accuracy on all {len(report)} flats: {report.figures['accuracy']:.0%}")


if __name__ == "__main__":
    main()
