"""Floor 3: what is durable. One interface, engines behind it."""
