"""Tests of delimited text."""
