"""Measures time and memory of reading pictures: `python -m benchmarks.reading_speed`.

`nnkit predict` reads a folder of pictures of five digits, and a photo of 12 megapixels. Processor
time is reported, because other programs change the time that passes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from benchmarks.machine import machine
from benchmarks.worker import ROOT, threads_limited
from nnkit.reading.verifier.compose import CONDITIONS, PLAIN, compose, mnist_images

SEED = 150
KINDS = ("plain", "noisy", "touching")  # in turn
PHOTO = (4000, 3000)
SHOWN = """
import re, resource, runpy, sys
sys.argv = ["nnkit", *sys.argv[1:]]
try:
    runpy.run_module("nnkit", run_name="__main__")
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Not ru_maxrss, which includes the process that started this one
    peak = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]
    print(used.ru_utime + used.ru_stime, peak, file=sys.stderr)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time in seconds, and peak memory in megabytes."""

    seconds: float
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading_speed", description=__doc__)
    parser.add_argument("--pictures", type=int, default=150, help="in the folder; default 150")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts; default 3")
    options = parser.parse_args()
    print(f"{machine()['cpu']}, one thread, median of {options.rounds}")
    print()
    print("| input | processor time | peak memory |")
    print("|---|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_folder(folder / "pictures", options.pictures)
        write_photo(folder / "photo.jpg")
        alone = measured(["--help"], options.rounds)
        several = measured(["predict", str(folder / "pictures")], options.rounds)
        each = 1000 * (several.seconds - alone.seconds) / options.pictures
        print(f"| {options.pictures} pictures | {each:.0f} ms each | {several.megabytes:.0f} MB |")
        photo = measured(["predict", str(folder / "photo.jpg")], options.rounds)
        print(f"| a photo of 12 megapixels | {photo.seconds:.1f} s | {photo.megabytes:.0f} MB |")


def write_folder(folder: Path, count: int) -> None:
    folder.mkdir()
    images, labels = mnist_images("test")
    rng = np.random.default_rng(SEED)
    for i in range(count):
        made = compose(images, labels, CONDITIONS[KINDS[i % len(KINDS)]], rng)
        made.picture.save(folder / f"{i:04}-{made.text}.png")


def write_photo(path: Path) -> None:
    """Writes five digits on unevenly lit paper with the noise of a camera."""
    images, labels = mnist_images("test")
    rng = np.random.default_rng(SEED)
    condition = replace(PLAIN, size=(350, 350), light=(0.3, 0.3), gap=(0.15, 0.3))
    digits = compose(images, labels, condition, rng).picture.convert("L")
    page = Image.new("L", PHOTO, digits.getpixel((0, 0)))
    page.paste(digits, ((PHOTO[0] - digits.width) // 2, (PHOTO[1] - digits.height) // 2))
    noisy = np.asarray(page) + rng.normal(scale=4, size=PHOTO[::-1])
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).convert("RGB").save(path, quality=92)


def measured(arguments: list[str], rounds: int) -> Cost:
    """Runs nnkit in processes of its own, and returns the median of their costs."""
    costs = [cost_of(arguments) for _ in range(rounds)]
    return Cost(median(c.seconds for c in costs), median(c.megabytes for c in costs))


def cost_of(arguments: list[str]) -> Cost:
    done = subprocess.run(
        [sys.executable, "-c", SHOWN, *arguments],
        cwd=ROOT,
        env=threads_limited(1),
        capture_output=True,
        text=True,
        check=False,
    )
    seconds, kilobytes = done.stderr.splitlines()[-1].split()
    return Cost(float(seconds), float(kilobytes) / 1000)


if __name__ == "__main__":
    main()
