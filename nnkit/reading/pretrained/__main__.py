"""`python -m nnkit.reading.pretrained RUN`: include a run's network in the digit reader.

It becomes the one of the same name, `digits` or `digits-in-pictures`.
"""

from __future__ import annotations

import sys

from nnkit.reading.pretrained import DIGITS, IN_PICTURES
from nnkit.reading.pretrained.shipping import ship

if __name__ == "__main__":
    ship(sys.argv[1], next(path for path in (DIGITS, IN_PICTURES) if path.stem == sys.argv[1]))
