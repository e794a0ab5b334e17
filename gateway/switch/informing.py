"""Evidence for originators: what became of their messages, by a cursor that the endpoint keeps.

Evidence is durable in the store under a sequence for each originator. A session that is up to date gets new
evidence from memory; one that is not is served from the store until it is.
"""

from gateway.domain.session import Evidence, Session
from gateway.store.interface import Store

PAGE_EVIDENCE = 256


class _Listener:
    __slots__ = ("behind", "cursor", "session")

    def __init__(self, session: Session, cursor: int) -> None:
        self.session = session
        self.cursor = cursor
        self.behind = True


class Informing:
    """The sessions that want to hear of outcomes, and how far each has heard."""

    def __init__(self, store: Store) -> None:
        """Read what was missed from `store`."""
        self._store = store
        self._listeners: dict[str, list[_Listener]] = {}

    def attach(self, session: Session, after: int) -> None:
        """Tell a session everything after its cursor, from the next `tick` on, then what comes."""
        self._listeners.setdefault(session.peer.authority, []).append(_Listener(session, after))

    def detach(self, session: Session) -> None:
        """Stop telling a session."""
        authority = session.peer.authority
        rest = [item for item in self._listeners.get(authority, ()) if item.session is not session]
        if rest:
            self._listeners[authority] = rest
        else:
            self._listeners.pop(authority, None)

    def publish(self, originator: str, evidence: list[Evidence]) -> None:
        """Tell the sessions of `originator` what was just recorded."""
        for listener in self._listeners.get(originator, ()):
            if listener.behind or listener.cursor + 1 != evidence[0].sequence:
                listener.behind = True
                continue
            taken = listener.session.inform(evidence)
            if taken:
                listener.cursor = evidence[taken - 1].sequence
            listener.behind = taken < len(evidence)

    def woken(self, originator: str) -> None:
        """Hear that there may be evidence that was recorded elsewhere."""
        for listener in self._listeners.get(originator, ()):
            listener.behind = True

    def tick(self) -> None:
        """Serve those who could not take everything when it happened."""
        for listeners in self._listeners.values():
            for listener in listeners:
                if listener.behind:
                    self._catch_up(listener)

    def _catch_up(self, listener: _Listener) -> None:
        while listener.behind:
            page = self._store.evidence(listener.session.peer.authority, listener.cursor, PAGE_EVIDENCE)
            taken = listener.session.inform(page) if page else 0
            if taken:
                listener.cursor = page[taken - 1].sequence
            if taken < len(page):
                return
            listener.behind = len(page) == PAGE_EVIDENCE
