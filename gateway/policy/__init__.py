"""Floor 1: what may pass, and why not. Facts in, decision out; no clock, disk, network, log."""
