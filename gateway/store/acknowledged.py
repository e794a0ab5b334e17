"""Evidence for originators, made again from the batch that a recipient signed.

A batch is kept once; the evidence in it, which repeats signature and path for each message, is not.
"""

import msgspec

from gateway.crypto.merkle import inclusion_paths, leaf_hash
from gateway.domain.statement import AcknowledgementEvidence, SignedAcknowledgements

_BATCH = msgspec.msgpack.Decoder(SignedAcknowledgements)
_pack = msgspec.msgpack.Encoder().encode


def evidence_of(raw: bytes) -> list[bytes]:
    """Return the evidence for each item of a recorded batch, byte for byte as it was handed out first."""
    batch = _BATCH.decode(raw)
    paths = inclusion_paths([leaf_hash(item) for item in batch.items])
    return [
        _pack(AcknowledgementEvidence(h=batch.h, s=batch.s, item=item, i=position, p=paths[position]))
        for position, item in enumerate(batch.items)
    ]
