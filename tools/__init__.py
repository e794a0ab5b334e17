"""What set-up and tests need that is not a Python package."""
