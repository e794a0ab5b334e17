"""Tests of the central node."""
