"""The cache folder, for files that belong neither to the user's project nor to the package."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder for nnkit, by the conventions of the system; it may not exist.

    For users without a home, as in some containers, it is in the working folder.
    """
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "nnkit"
    if sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"]) / "nnkit" / "Cache"
    try:
        home = Path.home()
    except RuntimeError:
        home = Path()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "nnkit"
    return home / ".cache" / "nnkit"
