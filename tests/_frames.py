"""Recorded frames of exchanges and what they mean, from `tests/frames/*.jsonl`.

Those of an exchange in `WASHOUT_PLUGINS` are in its folder `frames`.

One JSON object a line: which `line` (or `poll` and `symbol`, or `listing`) reads it,
when it was `received`, the `raw` text, its `source`, and either the `expected` events,
worked out by hand, or what is `said`, or why it is `ignored` or `unexplained`.
`partial`: without one of its fields it may state nothing. `signed`: fields that -1 may
stand in.
"""

from __future__ import annotations

import gzip
import json
import os
from functools import cache
from pathlib import Path

import msgspec

from washout import plugins
from washout.exchanges import Exchange, Instrument

FOLDERS = [
    Path(__file__).parent / "frames",
    Path(os.environ.get("WASHOUT_PLUGINS", "/nowhere"), "frames"),
]
EXCHANGES = {
    name: one
    for name, one in plugins.found("exchanges", Exchange).items()
    if one.lines or one.polls
}


class Frame:
    """One recorded frame, with the exchange that it belongs to."""

    def __init__(self, exchange, number, told):
        self.exchange, self.number, self.told = EXCHANGES[exchange], number, told

    def __repr__(self):
        where = self.told.get("line") or self.told.get("poll") or "listing"
        return f"{self.exchange.name}-{where}-{self.number}"

    @property
    def received(self):
        return self.told["received"]

    @property
    def events(self):
        return self.told.get("expected")

    @property
    def known(self):
        """Instruments by symbol: those listed without asking, and the frame's own."""
        own = msgspec.convert(self.told.get("instruments", []), list[Instrument])
        return {one.symbol: one for one in (*self.exchange.listed, *own)}

    def packed(self, payload):
        """The bytes as they come over the wire of this line."""
        line = self.told.get("line")
        if line and self.exchange.line(line).binary:
            return gzip.compress(payload, mtime=0)
        return payload

    @property
    def payload(self):
        return self.packed(self.told["raw"].encode())

    def decode(self, payload=None):
        """What the line, poll or listing reads out of the payload."""
        payload = self.payload if payload is None else payload
        if "line" in self.told:
            line = self.exchange.line(self.told["line"])
            return line.decode(payload, self.received, self.known)
        if "poll" in self.told:
            [poll] = [p for p in self.exchange.polls if p.name == self.told["poll"]]
            return poll.decode(payload, self.received, self.known[self.told["symbol"]])
        [found] = [
            one for one in self.exchange.listings if one.url == self.told["listing"]
        ]
        return found.read(payload)


def _files(pattern):
    return sorted(path for folder in FOLDERS for path in folder.glob(pattern))


@cache
def frames():
    """Every recorded frame."""
    return [
        Frame(path.name.partition(".")[0], number, json.loads(line))
        for path in _files("*.jsonl")
        for number, line in enumerate(path.read_text().splitlines(), 1)
    ]


@cache
def requests():
    """Every documented way of asking: exchange and entry."""
    return [
        (EXCHANGES[path.name.partition(".")[0]], entry)
        for path in _files("*.subscribe.json")
        for entry in json.loads(path.read_text())
    ]
