"""The rules: one small function a clause, judging what a message declares and cites."""
