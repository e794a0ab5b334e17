"""Floor 7: the story that `accord demo` plays with real processes."""
