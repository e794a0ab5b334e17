"""Tests of what operators install: units, alert rules, instructions."""
