"""Floor 5: the central node, an authority like any other on the wire, with databases behind it."""
