"""Measurements of nnkit beside its peers; not part of the package."""
