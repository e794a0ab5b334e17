"""Proofs of the policy: every rule once permitted and once refused, and the traps of rules.md 1.7."""
