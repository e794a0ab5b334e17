"""Schemas, test vectors and the independent verifiers: what others build on."""
