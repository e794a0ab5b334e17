"""Tests of the metrics page and the log set-up."""
