"""Worlds of which the truth is known: what liquidations do to price, and nothing else.

A world is three numbers. Whoever judges a claim can run the judge on a world first, and
see whether it finds what is there and only that. Method: G.
"""

from __future__ import annotations

from msgspec import Struct

from washout.errors import UnknownName

YEARS = 730
"""Days of a world that is judged: two years."""


class World(Struct, frozen=True, kw_only=True):
    """A market's laws.

    `planted` is the drift upward that follows closed longs, in bp of price per bp of
    open interest, released with a half-life of 6 hours. `dip` is the share of any move
    of the market's own that is given back with a half-life of 12 hours, whoever was
    closed in it: what a rebound is easily mistaken for. `iota` is how far closed
    positions push price for good, in bp per bp of open interest: down for longs, up
    for shorts. `days` is how long the world runs unless it is told otherwise.
    """

    name: str
    title: str
    planted: float = 0.0
    dip: float = 0.0
    iota: float = 0.0
    days: int = YEARS


_ALL = (
    World(name="null0", title="no effect at all: returns cannot be foretold"),
    World(
        name="null_dip", dip=0.3,
        title="every move gives 30 % back, and liquidations do nothing",
    ),
    World(
        name="null_impact", iota=0.3,
        title="liquidations push price for good: declines go on, no rebound",
    ),
    World(
        name="p025", planted=0.25,
        title="a rebound of 0.25 bp per bp of open interest closed",
    ),
    World(name="p05", planted=0.5, title="a rebound of 0.5 bp per bp closed"),
    World(name="p1", planted=1.0, title="a rebound of 1 bp per bp closed"),
    World(name="p2", planted=2.0, title="a rebound of 2 bp per bp closed"),
    World(name="small", days=400, title="no effect, and too few waves to tell"),
)  # fmt: skip

WORLDS = {world.name: world for world in _ALL}
"""Every world by name, the worlds without a rebound first."""


def find_world(name: str) -> World:
    """The world of this name; UnknownName says which ones are near."""
    if name not in WORLDS:
        raise UnknownName("world", name, WORLDS)
    return WORLDS[name]
