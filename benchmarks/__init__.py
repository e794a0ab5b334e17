"""Benchmarks: one question a file; each states machine, versions, and what the other side does not do."""
