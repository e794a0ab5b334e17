"""Tests of several gateways in front of one database: real processes on loopback, killed under load."""
