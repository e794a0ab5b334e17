"""Tests of floor 2: frames, problems, TLS."""
