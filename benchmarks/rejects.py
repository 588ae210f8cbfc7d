"""Measures how many digits and other signs are rejected: `python -m benchmarks.rejects`.

Pictures are composed of training digits held out from the verifier, mixed with drawn or printed
signs. Only pictures in which the correct number of characters is found are counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.pictures import reader
from nnkit.reading.pretrained import DIGITS
from nnkit.reading.result import UNREADABLE
from nnkit.reading.segmentation import REJECT, Networks, read_picture
from nnkit.reading.segmentation.path import SIGN
from nnkit.reading.verifier.compose import CONDITIONS, Array, Condition, compose, mnist_images
from nnkit.reading.verifier.signs import drawn_sign, printed_sign
from nnkit.reading.verifier.train import HELD_OUT

SEED = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rejects", description=__doc__)
    parser.add_argument("--pictures", type=int, default=150, help="per kind; default 150")
    parser.add_argument("--reject", type=float, default=REJECT, help=f"threshold; {REJECT}")
    options = parser.parse_args()
    networks = reader(str(DIGITS))
    images, labels = (part[-HELD_OUT:] for part in mnist_images("train"))
    print("| signs | condition | digits classified correctly | rejected | signs | rejected |")
    print("|---|---|---:|---:|---:|---:|")
    for kind, sign in (("drawn", drawn_sign), ("printed", printed_sign)):
        for name in ("signs", "noisy"):
            condition = replace(CONDITIONS[name], signs=CONDITIONS["signs"].signs)
            pairs = characters(
                images, labels, condition, sign, networks, options.reject, options.pictures
            )
            shares = [
                f"{len(part)} | {100 * np.mean(part):.1f} %"
                for part in ([no for is_sign, no in pairs if is_sign == which] for which in (0, 1))
            ]
            print(f"| {kind} | {name} | {' | '.join(shares)} |", flush=True)


def characters(
    images: Array,
    labels: Array,
    condition: Condition,
    sign: Callable[[np.random.Generator], Array],
    networks: Networks,
    reject: float,
    pictures: int,
) -> list[tuple[bool, bool]]:
    """Returns a pair (is a sign, is rejected) for each sign and each correctly classified digit."""
    rng = np.random.default_rng(SEED)
    pairs = []
    for _ in range(pictures):
        made = compose(images, labels, condition, rng, sign)
        digits = [
            digit
            for line in read_picture(made.picture, networks, reject).lines
            for digit in line.digits
        ]
        if len(digits) != len(made.labels):
            continue
        pairs += [
            (label == SIGN, digit.label == UNREADABLE)
            for digit, label in zip(digits, made.labels, strict=True)
            if label == SIGN or digit.guess == str(label)
        ]
    return pairs


if __name__ == "__main__":
    main()
