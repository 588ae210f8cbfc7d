"""Compiled kernels: C sources, their build, and the loader."""
