"""The schema of an endpoint's data, step by step; a step that was released never changes."""
