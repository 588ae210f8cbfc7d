"""Benchmarks of nnkit and comparable libraries; not part of the package."""
