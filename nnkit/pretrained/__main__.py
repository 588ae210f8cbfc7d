"""`python -m nnkit.pretrained RUN`: the network of a run becomes the one that reads digits."""

from __future__ import annotations

import sys

from nnkit.pretrained import DIGITS
from nnkit.pretrained.shipping import ship

if __name__ == "__main__":
    ship(sys.argv[1], DIGITS)
