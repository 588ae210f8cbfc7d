"""Measures whether the confidence of a text holds: `python -m benchmarks.reliability`.

Pictures are composed of MNIST's test digits under many conditions, and typeset in fonts on which
the networks were not trained (see `benchmarks.printed`). They are divided into five bins by
confidence, of equal size; in each, the mean confidence is compared with the fraction of texts that
are right.

The calibration is fitted on pictures of the first half of the test digits (`--fit`), and measured
on pictures of the second half, with another seed. With 1,000 pictures in a bin, the fraction has a
standard error of up to 1.3 points; with 200, of up to 2.8.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from benchmarks.pictures import reader
from benchmarks.printed import font_files, typeset
from nnkit.reading.pretrained import DIGITS
from nnkit.reading.result import LEAST_DOUBT, calibrated
from nnkit.reading.segmentation import read_picture
from nnkit.reading.verifier.compose import CONDITIONS, Array, compose, mnist_images

SEED, SEED_OF_FIT = 131, 30
SLOW = frozenset({"large"})  # scaled to the same size anyway
PRINTED = 5  # one in so many pictures is printed
BINS = 5
HALF = 5000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("--pictures", type=int, default=5000, help="default 5000")
    parser.add_argument("--seed", type=int, help=f"default {SEED}, with --fit {SEED_OF_FIT}")
    parser.add_argument("--fit", action="store_true", help="fit the calibration instead")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else SEED_OF_FIT if options.fit else SEED
    found = list(doubts(options.pictures, seed, first_half=options.fit))
    doubt, right = np.array(found, dtype=np.float64).T
    if options.fit:
        offset, slope = fitted(np.log(doubt + LEAST_DOUBT), right)
        print(f"CALIBRATION = {offset:.3f}, {slope:.3f}")
        return
    confidence = np.array([calibrated(value) for value in doubt])
    print("| confidence | pictures | mean confidence | right |")
    print("|---|---:|---:|---:|")
    for own in np.array_split(np.argsort(confidence), BINS):
        low, high = 100 * confidence[own[[0, -1]]]
        shares = f"{100 * confidence[own].mean():.1f} % | {100 * right[own].mean():.1f} %"
        print(f"| {low:.1f} to {high:.1f} % | {len(own)} | {shares} |")


def doubts(pictures: int, seed: int, *, first_half: bool) -> Iterator[tuple[float, bool]]:
    """Yields the doubt about each text, and whether the text is right."""
    networks = reader(str(DIGITS))
    chosen = slice(None, HALF) if first_half else slice(HALF, None)
    images, labels = (part[chosen] for part in mnist_images("test"))
    fonts = list(font_files().values())
    names = [name for name in CONDITIONS if name not in SLOW]
    rng = np.random.default_rng((seed, first_half))
    for i in range(pictures):
        condition = CONDITIONS[names[i % len(names)]]
        if i % PRINTED:
            made = compose(images, labels, condition, rng)
            picture, text = made.picture, made.text
        else:
            text = "".join(map(str, rng.integers(10, size=5)))
            picture = typeset(text, fonts[i // PRINTED % len(fonts)], condition, rng)
        reading = read_picture(picture, networks)
        if reading.doubt is not None:
            yield reading.doubt, reading.text.replace(" ", "").replace("\n", "") == text


def fitted(x: Array, right: Array) -> tuple[float, float]:
    """Logistic regression of `right` on x: offset and slope, by Newton's method."""
    A = np.stack([np.ones(len(x)), x], axis=1)
    w = np.zeros(2)
    for _ in range(30):
        p = 1 / (1 + np.exp(-A @ w))
        w += np.linalg.solve((A * (p * (1 - p))[:, None]).T @ A, A.T @ (right - p))
    return float(w[0]), float(w[1])


if __name__ == "__main__":
    main()
