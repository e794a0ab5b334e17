"""Floor 6: the processes. Each builds its parts, runs one TaskGroup, stops in order, and owns the only clock."""
