"""The store: what an engine promises, what faults do to it, what verification finds."""
