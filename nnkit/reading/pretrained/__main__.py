"""`python -m nnkit.reading.pretrained RUN`: include a run's network as the digit reader."""

from __future__ import annotations

import sys

from nnkit.reading.pretrained import DIGITS
from nnkit.reading.pretrained.shipping import ship

if __name__ == "__main__":
    ship(sys.argv[1], DIGITS)
