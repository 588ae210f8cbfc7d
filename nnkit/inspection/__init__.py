"""A look inside: traces, charts, gradient checks, dry runs, filters and samples."""
