"""Data in many files, read a row group at a time, so that it may be larger than memory."""
