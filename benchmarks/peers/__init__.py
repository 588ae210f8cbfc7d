"""One module a contender: the same networks, each in its own way."""
