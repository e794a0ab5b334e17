"""Tests: mirrors of `gateway/`, one file a question."""
