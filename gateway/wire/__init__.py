"""Floor 2: what travels and how it is protected: frames, problems, limits, TLS."""
