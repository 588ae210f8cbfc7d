"""Process-wide settings that shorten start and exit; a library must not make them."""

from __future__ import annotations

import atexit
import gc
import os

# New objects between two garbage collections, by default 700. The program's imports create about
# 90,000 that live until exit; searching them over and over took a tenth of the time to the first
# training step.
OBJECTS = 100_000


def start_quickly() -> None:
    """Avoids work that only delays a command."""
    gc.set_threshold(OBJECTS)
    atexit.register(gc.freeze)  # no collection at exit, when all memory is freed anyway
    # pydantic searches all installed packages for plugins, none of which may change a config.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
