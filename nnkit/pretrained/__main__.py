"""`python -m nnkit.pretrained RUN`: the network of a run becomes the one that is shipped."""

from __future__ import annotations

import sys

from nnkit.pretrained import DIGITS
from nnkit.runs.checkpoint import read_checkpoint, write_checkpoint
from nnkit.runs.directory import find_checkpoint

KEPT = (
    "params/",
    "state/",
    "preprocess/",
)  # all that prediction needs


def main() -> None:
    """Writes the run's best parameters without the optimizer's vectors."""
    found = read_checkpoint(find_checkpoint(sys.argv[1]))
    tensors = {name: array for name, array in found.tensors.items() if name.startswith(KEPT)}
    header = {name: part for name, part in found.header.items() if name not in ("format", "sha256")}
    write_checkpoint(DIGITS, tensors, header)
    print(f"{DIGITS}: {DIGITS.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
