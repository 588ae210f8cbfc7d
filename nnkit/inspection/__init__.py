"""Inspection of networks and data: traces, charts, gradient checks, dry runs, filters, samples."""
