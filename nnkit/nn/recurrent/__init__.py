"""Sequences processed step by step: the steps of a batch, and cells that run along them."""
