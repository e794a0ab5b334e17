"""Rules that the gateway does not apply yet: the table is silent on them, in this one place."""

LEFT_OUT: frozenset[str] = frozenset(
    {
        # An acceding State that is not bound yet: the gateway cites C1-21 and C8-35.
        *("C1-24", "C8-34"),
        # Whether the agreement of 2001 comes back between two States of which one leaves that of 2018.
        "C8-36 after an exit",
        # That a member of an operator's instrument is bound until the last day stated.
        "1.7-13 after its last day",
        # That a referral inside a State goes under the agreement of the request.
        "C8-21 at home",
    }
)


def asked(rule: str) -> bool:
    """Tell whether the table is asked about a rule."""
    return rule not in LEFT_OUT
