"""Pretrained networks that are included in the package."""

from __future__ import annotations

from pathlib import Path

# Classifies single digits, 28 × 28; `make pretrained` trains it with configs/digits.yaml.
DIGITS = Path(__file__).parent / "digits.safetensors"
# The same, for digits in pictures and printed ones; `make pretrained` trains it with
# configs/pretrained/digits-in-pictures.yaml.
IN_PICTURES = Path(__file__).parent / "digits-in-pictures.safetensors"
# Distinguishes whole digits from parts of digits and several digits; `make verifier` trains it.
VERIFIER = Path(__file__).parent / "whole.safetensors"
