"""Measures the accuracy of reading numbers in pictures: `python -m benchmarks.pictures`.

Each picture is composed of MNIST test digits (`nnkit.reading.verifier.compose`) and counts as read
if the whole text is correct.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from time import perf_counter

import numpy as np

import nnkit
from nnkit.reading.pretrained import DIGITS
from nnkit.reading.reader import networks_of
from nnkit.reading.segmentation import REJECT, Networks, Reading, read_picture
from nnkit.reading.verifier.compose import CONDITIONS, Array, Condition, compose, mnist_images

SEED = 50_419


@dataclass(frozen=True, slots=True)
class Score:
    """The results for one condition.

    Attributes:
        pictures: the number of pictures.
        read: pictures with the whole text correct.
        counted: pictures with the correct number of digits.
        digits: the number of digits in all pictures.
        right: the number of digits minus the edit distances.
        milliseconds: the time for each picture, (pictures,).
    """

    pictures: int
    read: int
    counted: int
    digits: int
    right: int
    milliseconds: Array


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--checkpoint", default=str(DIGITS), help="default: the included network")
    parser.add_argument("--pictures", type=int, default=1000, help="per condition; default 1000")
    parser.add_argument("--condition", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    networks = reader(options.checkpoint)
    images, labels = mnist_images(options.split)
    alone = float(np.mean(np.argmax(networks.classify(images), axis=1) == labels))
    print(f"{options.pictures} pictures each; accuracy on single digits: {100 * alone:.2f} %")
    print()
    print("| condition | pictures | whole text | digit count | digits | ms |")
    print("|---|---|---:|---:|---:|---:|")
    for name in options.condition:
        number = list(CONDITIONS).index(name)
        rng = np.random.default_rng((options.seed, number))
        score = scored(images, labels, CONDITIONS[name], options.pictures, rng, networks)
        print(row(name, CONDITIONS[name].what, score), flush=True)


def row(name: str, what: str, score: Score) -> str:
    """Formats a row of the table."""
    shares = (
        score.read / score.pictures,
        score.counted / score.pictures,
        score.right / score.digits,
    )
    percents = " | ".join(f"{100 * share:.1f} %" for share in shares)
    return f"| {name} | {what} | {percents} | {np.median(score.milliseconds):.0f} |"


def reader(checkpoint: str) -> Networks:
    """Loads the networks that `read_picture` needs."""
    model = nnkit.load_checkpoint(checkpoint)
    height, width = model.raw_shape[1:]
    return networks_of(model, (height, width))


def scored(
    images: Array,
    labels: Array,
    condition: Condition,
    pictures: int,
    rng: np.random.Generator,
    networks: Networks,
) -> Score:
    """Composes pictures, reads them and counts the correct results."""
    read = counted = digits = right = 0
    times = []
    for _ in range(pictures):
        composed = compose(images, labels, condition, rng)
        began = perf_counter()
        reading: Reading = read_picture(composed.picture, networks, REJECT)
        times.append(1000 * (perf_counter() - began))
        text = reading.text.replace(" ", "").replace("\n", "")
        read += text == composed.text
        counted += len(text) == len(composed.text)
        digits += len(composed.text)
        right += max(0, len(composed.text) - distance(text, composed.text))
    return Score(pictures, read, counted, digits, right, np.array(times))


def distance(a: str, b: str) -> int:
    """Computes the edit distance of two texts (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


if __name__ == "__main__":
    main()
