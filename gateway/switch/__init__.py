"""Floor 4: admission, routing, delivery, sessions. Decides nothing about law, touches no socket."""
