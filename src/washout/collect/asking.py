"""What became of what a connection asked for: acknowledged, refused, or not answered.

Venues answer in three ways: naming the topics, once for each request without naming
any, or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from washout.exchanges import Line, Said


class Asked:
    """The questions of one connection, until each has its answer."""

    def __init__(self, line: Line, topics: Sequence[str], *, singly: bool) -> None:
        self.line, self.singly = line, singly
        self.pending = dict.fromkeys(topics)
        self.refused: dict[str, str] = {}
        self.doubtful = ""
        """What the venue said when it refused a request without naming its topics."""
        self._open = 0

    @property
    def settled(self) -> bool:
        """Whether nothing is open any more."""
        return not self.pending

    def requests(self) -> list[bytes]:
        """What to send now: everything, or the next topic alone."""
        topics = list(self.pending)[: 1 if self.singly else None]
        sent = self.line.ask(topics) if topics else []
        self._open = len(sent)
        if not (sent and self.line.acknowledges):
            self.pending.clear()
        return sent

    def hear(self, said: Said) -> list[bytes]:
        """Take an answer; gives what to send next."""
        if said.what not in ("ack", "refused") or self.settled:
            return []
        named = [topic for topic in said.topics if topic in self.pending]
        if said.topics:
            self._settle(named, said)
        elif self.singly:
            self._settle(list(self.pending)[:1], said)
        else:
            self._unnamed(said)
        return self.requests() if self.singly and self.pending else []

    def _unnamed(self, said: Said) -> None:
        self._open -= 1
        if said.what == "refused" and len(self.pending) > 1:
            self.doubtful = said.text or "refused"
        if said.what == "refused" or self._open <= 0:
            self._settle(list(self.pending), said)

    def _settle(self, topics: Sequence[str], said: Said) -> None:
        for topic in topics:
            self.pending.pop(topic, None)
            if said.what == "refused":
                self.refused[topic] = said.text or "refused"
