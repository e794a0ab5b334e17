"""Floor 0: the words of Accord. Imports nothing of ours, does nothing."""
