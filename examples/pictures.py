"""Reads the digits in pictures with the included network: `python examples/pictures.py`."""

from __future__ import annotations

from pathlib import Path

import nnkit


def main() -> None:
    """Reads two pictures of the repository."""
    for name in ("7.png", "50419.png"):
        reading = nnkit.read_digits(Path("data/pictures") / name)
        print(f"{name}: {reading.text}")
        for digit in reading.digits:
            print(f"  {digit.label} at {digit.box}")


if __name__ == "__main__":
    main()
