"""Tests of the demo: it is played whole, and a line that is not as expected fails it."""
