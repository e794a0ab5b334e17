"""Rules that the gateway does not apply yet: the table is silent on them, in this one place."""

LEFT_OUT: frozenset[str] = frozenset()


def asked(rule: str) -> bool:
    """Tell whether the table is asked about a rule."""
    return rule not in LEFT_OUT
