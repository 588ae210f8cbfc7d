"""Settings for every test: hypothesis draws the same examples each time, and keeps no files."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("nnkit", deadline=None, derandomize=True, database=None)
settings.load_profile("nnkit")
