"""Floor 4: the client an authority runs: durable outbox and inbox, and every check of what a gateway says."""
