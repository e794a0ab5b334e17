"""Tests of whole processes: a gateway from its settings file, real TLS, peers that do as a test says."""
