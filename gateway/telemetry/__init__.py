"""Floor 2: what an operator sees of us: metrics and log lines, never a person, never content."""
