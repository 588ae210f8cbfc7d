"""Benchmarks of nnkit and comparable libraries; not part of the package.

Variables that make OpenBLAS take the kernels of another processor are removed before it is loaded.
"""

import os
import sys

OTHER_KERNELS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

if "numpy" not in sys.modules:
    for name in OTHER_KERNELS:
        os.environ.pop(name, None)
