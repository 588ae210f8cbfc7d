"""Convolution: windows, im2col, and compiled tiles."""
