"""Accord: a secure message-switching gateway for police cooperation."""
