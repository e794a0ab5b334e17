"""Tests of the links, over real TLS on loopback."""
