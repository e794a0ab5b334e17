"""Tests that kill the gateway, over and over, and hold it to what its clients saw acknowledged."""
