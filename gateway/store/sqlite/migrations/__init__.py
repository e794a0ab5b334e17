"""The schema of a gateway's store, step by step; a step that was released never changes."""
