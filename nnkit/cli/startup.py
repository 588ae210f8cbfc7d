"""Settings of the whole process for a quick start and exit, which a library must not make."""

from __future__ import annotations

import atexit
import gc
import os

# New objects after which Python looks for garbage: more than all that the program imports, which
# stays to the end. Searching it again and again, by default after every 700, took a tenth of the
# time to the first training step.
OBJECTS = 100_000


def start_quickly() -> None:
    """Spares the process what only delays a command."""
    gc.set_threshold(OBJECTS)
    atexit.register(gc.freeze)  # at exit the memory goes back as a whole, garbage and all
    # To find its plugins pydantic reads about all installed packages, and none may change a config.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
