"""Tests of floor 1: envelope, keys, statements, trust, ledger proofs."""
