"""Delimited text: its dialect, its cells, the kinds of its columns, and a cache of what was read."""
