"""What is in force right now: one directory edition and the judge built on it, swapped as one.

Whoever starts a piece of work reads the pair once and goes on with it; a swap never shows
half of one edition and half of another.
"""

from gateway.domain.decision import EditionRef
from gateway.domain.directory import Directory
from gateway.domain.label import RANK
from gateway.domain.session import Peer
from gateway.policy.decide import Judge


class InForce:
    """An edition, its judge, and the peers that the edition lets in."""

    def __init__(self, directory: Directory, judge: Judge) -> None:
        """Index the endpoints that may connect under this edition."""
        self.directory = directory
        self.judge = judge
        # The very object that decisions carry: telling editions apart is then a comparison of identities.
        self.edition: EditionRef = judge.ground.edition
        self.peers: dict[str, Peer] = {
            spki: Peer(
                authority=authority.id,
                spki_sha256=spki,
                link=endpoint.link,
                clearance=min(RANK[endpoint.clearance], RANK[authority.clearance]),
            )
            for spki, (authority, endpoint) in directory.endpoints.items()
            if not (endpoint.revoked or authority.revoked)
        }
