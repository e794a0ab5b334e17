"""The embedded engine: one file, one writing connection, one writer thread."""
