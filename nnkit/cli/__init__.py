"""The command line: commands parse, call the package's public functions, and render."""
