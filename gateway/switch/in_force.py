"""What is in force right now: one directory edition and the judge built on it, swapped as one.

Whoever starts a piece of work reads the pair once and goes on with it; a swap never shows
half of one edition and half of another.
"""

from functools import cached_property

from gateway.domain.decision import EditionRef
from gateway.domain.directory import Directory
from gateway.domain.label import RANK
from gateway.domain.session import Peer
from gateway.policy.decide import Judge
from gateway.wire.topics import topic_id


class InForce:
    """An edition, its judge, and the peers that the edition lets in."""

    def __init__(self, directory: Directory, judge: Judge, broker_rank: int | None = None) -> None:
        """Index the endpoints that may connect under this edition; `broker_rank` bounds what any broker may carry."""
        self.directory = directory
        self.judge = judge
        # The very object that decisions carry: telling editions apart is then a comparison of identities.
        self.edition: EditionRef = judge.ground.edition
        self.peers: dict[str, Peer] = {
            spki: Peer(
                authority=authority.id,
                spki_sha256=spki,
                link=endpoint.link,
                clearance=min(
                    RANK[endpoint.clearance],
                    RANK[authority.clearance],
                    len(RANK) if broker_rank is None or endpoint.link != "broker" else broker_rank,
                ),
            )
            for spki, (authority, endpoint) in directory.endpoints.items()
            if not (endpoint.revoked or authority.revoked)
        }

    @cached_property
    def topics(self) -> dict[str, Peer]:
        """Whose each opaque topic id is: authorities with an endpoint behind a broker.

        A broker does not tell which certificate published, so of several the one with the lowest clearance counts.
        """
        network = self.directory.edition.network
        behind = [peer for peer in self.peers.values() if peer.link == "broker"]
        behind.sort(key=lambda peer: (-peer.clearance, peer.spki_sha256))
        return {topic_id(network, peer.authority): peer for peer in behind}
