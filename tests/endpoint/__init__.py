"""Tests of gateway/endpoint."""
