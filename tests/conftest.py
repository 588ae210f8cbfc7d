"""Settings for every test.

Hypothesis draws the same examples each time, and keeps no files: few by default, many for
`make test-all`, which asks for the profile "thorough".
"""

from __future__ import annotations

import os

from hypothesis import settings

from nnkit.compiled import own_process

# The processes of pytest-xdist share the cores; with threads of their own in each product of
# matrices, all would wait for each other. Set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
own_process()  # as the command line does, so that all of them share their compiled kernels

settings.register_profile("quick", deadline=None, derandomize=True, database=None, max_examples=25)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=100)
settings.load_profile("quick")
