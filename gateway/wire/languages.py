"""Which of our languages a peer reads: its `Accept-Language` (S-25) against what the registries speak."""

from gateway.policy.reasons import LANGUAGES

# What browsers send is a fraction of this; more is not read.
HEADER_BYTES_MAX = 256
DEFAULT = "en"


def preferred(header: str | None) -> str:
    """Return the language of ours that a peer ranks highest; English where it names none, or nothing readable."""
    ranked: list[tuple[float, str]] = []
    for part in (header or "")[:HEADER_BYTES_MAX].split(","):
        tag, _, parameter = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in LANGUAGES:
            ranked.append((_quality(parameter), language))
    best = max(ranked, key=lambda each: each[0], default=(0.0, DEFAULT))
    return best[1] if best[0] > 0 else DEFAULT


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not parameter.strip():
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" and 0 <= float(value) <= 1 else 0.0
    except ValueError:
        return 0.0
