"""The same networks in every library compared, one module per library."""
