"""Floor 1: envelope, keys, statements, trust, ledger proofs. Pure: bytes in, values or one of the closed errors out."""
