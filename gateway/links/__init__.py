"""Floor 4: the links: how a peer's bytes reach the switch and its outcomes reach the peer."""
