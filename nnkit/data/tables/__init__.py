"""Delimited text: dialect, cells, kinds of columns, and a cache of parsed tables."""
