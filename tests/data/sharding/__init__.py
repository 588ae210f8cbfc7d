"""Data in many files, read a row group at a time."""
