"""Convolution: windows and im2col."""
