"""The schema that gateways share, step by step; a step that was released never changes."""
