"""The schema of the central node's database, in numbered steps."""
