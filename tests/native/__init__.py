"""Tests of the compiled kernels: their build, their loader and their threads."""
