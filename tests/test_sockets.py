"""Connections to a venue on loopback that misbehaves in every way we know of."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import asynccontextmanager

import pytest
from picows import WSMsgType

from _venue import Heard, Manners, instruments, line, run, venue
from washout.collect import keeping, sockets
from washout.collect.entries import Kind
from washout.collect.keeping import Keeper
from washout.collect.pacing import Attempts, Backoff, Timing, asked_pause
from washout.collect.shares import redirected, shares
from washout.collect.sockets import Edge


@asynccontextmanager
async def kept(manners, *symbols, rate=1.0, twins=False, **settings):
    """Keepers of everything that a line carries, and what the sink heard."""
    heard = Heard()
    edge = Edge(heard, heard.timing(rate))
    async with venue(manners) as address:
        wanted = shares(
            "venue", line(**settings), ("liquidations",), instruments(*symbols),
            twins=twins, address=address,
        )  # fmt: skip
        keepers = [Keeper(share, edge) for share in wanted]
        tasks = [asyncio.create_task(keeper.run()) for keeper in keepers]
        try:
            yield heard, keepers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@run
async def test_everything_that_happens_becomes_an_entry_in_order():
    manners = Manners(greeting=[b"fact 1"])
    async with kept(manners, "BTC", "ETH") as (heard, _keepers):
        await heard.until(lambda h: b"fact 1" in h.frames)
    kinds = [entry.kind for entry in heard.entries]
    assert kinds == [Kind.OPENED, Kind.FRAME, Kind.FRAME, Kind.CLOSED]
    assert heard.opened[0].topics == ("t.BTC", "t.ETH")
    assert heard.opened[0].carries == {"liquidations": ("BTC", "ETH")}
    assert heard.frames == [b"yes t.BTC t.ETH", b"fact 1"]
    assert heard.reasons == ["stopped"]
    assert [entry.ts for entry in heard.entries] == [1, 2, 3, 4]
    assert len({entry.connection for entry in heard.entries}) == 1


@run
async def test_a_connection_that_the_venue_closes_is_made_again():
    manners = Manners(closes=[1001])
    async with kept(manners, "BTC") as (heard, _keepers):
        await heard.until(lambda h: len(h.opened) == 2)
    assert heard.reasons == ["code 1001 go", "stopped"]


@run
async def test_a_socket_that_vanishes_is_code_1006():
    manners = Manners()
    async with kept(manners, "BTC") as (heard, _keepers):
        await heard.until(lambda h: h.frames)
        manners.sockets[0].transport.underlying_transport.abort()
        await heard.until(lambda h: len(h.opened) == 2)
    assert heard.reasons[0] == "code 1006"


@run
async def test_a_peer_that_answers_nothing_any_more_is_dead():
    manners = Manners(pongs=False)
    async with kept(manners, "BTC", silent_after=0.3) as (heard, _keepers):
        await heard.until(lambda h: len(h.opened) == 2)
    assert heard.reasons[0] == "dead"
    assert manners.pinged >= 2


@run
async def test_a_quiet_peer_that_answers_pings_stays():
    manners = Manners()
    async with kept(manners, "BTC", silent_after=0.3) as (heard, _keepers):
        await heard.until(lambda h: len(h.of(Kind.PONG)) >= 5)
    assert heard.reasons == ["stopped"]


@run
async def test_a_line_with_its_own_ping_sends_that():
    manners = Manners()
    asked = {"sent_ping": b"hello", "ping_every": 0.05}
    async with kept(manners, "BTC", **asked) as (_heard, _keepers):
        while manners.heard.count(b"hello") < 3:
            await asyncio.sleep(0.01)
    assert manners.pinged == 0


@run
async def test_pings_of_the_venue_are_answered_in_both_ways():
    manners = Manners(pings=b"are you there", greeting=[b"ping 7", b"ping 8"])
    async with kept(manners, "BTC") as (heard, _keepers):
        while manners.ponged < 1 or b"pong 8" not in manners.heard:
            await asyncio.sleep(0.01)
        assert len(heard.of(Kind.PONG)) == 1
    assert manners.heard[-2:] == [b"pong 7", b"pong 8"]


@run
async def test_pings_are_answered_among_facts_of_known_shapes():
    facts = [b"fact " + b"x" * 40] * 5
    manners = Manners(greeting=[*facts, b"ping 1", *facts, b"ping 2"])
    async with kept(manners, "BTC") as (_heard, _keepers):
        while b"pong 2" not in manners.heard:
            await asyncio.sleep(0.01)
    assert manners.heard[-2:] == [b"pong 1", b"pong 2"]


@run
async def test_topics_that_nobody_acknowledges_are_asked_for_on_a_new_connection():
    manners = Manners(answers=False)
    async with kept(manners, "BTC", rate=50.0, silent_after=500.0) as (heard, _keepers):
        await heard.until(lambda h: len(h.opened) == 2)
    assert heard.reasons[0] == "error: not acknowledged: t.BTC"


@run
async def test_a_line_that_acknowledges_nothing_needs_no_answer():
    manners = Manners(answers=False)
    settings = {"acknowledges": False, "rate": 50.0, "silent_after": 500.0}
    async with kept(manners, "BTC", **settings) as (heard, keepers):
        await heard.until(lambda h: len(h.of(Kind.PONG)) == 2)
        assert keepers[0].state == "open"
    assert heard.reasons == ["stopped"]


@run
async def test_named_refusals_cost_no_other_topic_its_connection():
    manners = Manners(bad=("t.BAD",))
    async with kept(manners, "BTC", "BAD") as (heard, keepers):
        await heard.until(lambda h: len(h.frames) == 2)
        await asyncio.sleep(0)
        assert keepers[0].refused == {"t.BAD": "no t.BAD"}
    assert heard.reasons == ["stopped"]


@run
async def test_a_refusal_without_names_is_narrowed_down_to_the_topic_it_means():
    manners = Manners(bad=("t.BAD",), names=False)
    async with kept(manners, "BTC", "BAD", "ETH") as (heard, keepers):
        await heard.until(lambda h: len(h.opened) == 3)
        while keepers[0].state != "open":
            await asyncio.sleep(0.01)
        assert keepers[0].refused == {"t.BAD": "no"}
    assert [one.topics for one in heard.opened[1:]] == [
        ("t.BTC", "t.BAD", "t.ETH"),
        ("t.BTC", "t.ETH"),
    ]
    assert heard.opened[1].carries == {}
    assert heard.opened[2].carries == {"liquidations": ("BTC", "ETH")}
    assert heard.reasons == ["refused", "refused", "stopped"]


@run
async def test_a_share_of_which_everything_is_refused_waits_a_minute():
    manners = Manners(bad=("t.BAD",))
    async with kept(manners, "BAD") as (heard, keepers):
        await heard.until(lambda h: h.reasons)
        while keepers[0].state != "refused":
            await asyncio.sleep(0.01)
    assert heard.reasons == ["refused"]
    assert len(manners.handshakes) == 1


@run
async def test_renewal_opens_the_new_connection_before_it_closes_the_old_one():
    async with kept(Manners(), "BTC", lifetime=0.5) as (heard, _keepers):
        await heard.until(lambda h: len(h.reasons) == 2)
    kinds = [e.kind.name for e in heard.entries if e.kind in (Kind.OPENED, Kind.CLOSED)]
    assert kinds[:5] == ["OPENED", "OPENED", "CLOSED", "OPENED", "CLOSED"]
    assert heard.reasons[:2] == ["lifetime", "lifetime"]
    acknowledged = next(e for e in heard.of(Kind.FRAME) if e.connection == 2)
    assert acknowledged.ts < heard.of(Kind.CLOSED)[0].ts


@run
async def test_a_renewal_that_fails_leaves_the_old_connection_open():
    manners = Manners()
    async with kept(manners, "BTC", lifetime=0.4) as (heard, _keepers):
        await heard.until(lambda h: h.frames)
        manners.statuses += [(503, {})] * 2
        await heard.until(lambda h: len(h.reasons) == 1)
    assert heard.opened[1].topics == ("t.BTC",)
    assert heard.of(Kind.OPENED)[1].ts < heard.of(Kind.CLOSED)[0].ts
    assert len(manners.handshakes) == 4


@run
async def test_a_venue_that_announces_its_end_is_left_before():
    manners = Manners(greeting=[b"bye"])
    async with kept(manners, "BTC") as (heard, _keepers):
        await heard.until(lambda h: h.reasons)
        manners.greeting.clear()
    assert heard.reasons[0] == "lifetime"


@pytest.mark.parametrize("status", [429, 418])
def test_retry_after_holds_back_every_connection_to_that_host(status):
    @run
    async def test():
        manners = Manners(statuses=[(status, {"Retry-After": "1"})])
        settings = {"most_topics": 1}
        async with kept(manners, "BTC", "ETH", "XRP", **settings) as (heard, keepers):
            assert len(keepers) == 3
            await heard.until(lambda h: len(h.opened) == 3)
        times = sorted(manners.handshakes)
        late = [time for time in times if time - times[0] >= 0.99]
        assert len(late) >= 1
        assert len(times) == 4

    test()


def test_what_servers_ask_for_is_read_in_each_form():
    now = 1_700_000_000 * 1_000_000
    assert asked_pause(429, "7", now) == 7.0
    assert asked_pause(418, "Tue, 14 Nov 2023 22:14:20 GMT", now) == 60.0
    assert asked_pause(503, "5", now) == 5.0
    assert asked_pause(503, "", now) is None
    assert asked_pause(429, "", now) == 30.0
    assert asked_pause(404, "5", now) is None


@run
async def test_no_more_attempts_than_the_venue_allows_in_a_window():
    async def slept(seconds):
        now[0] += seconds

    now = [100.0]
    attempts = Attempts(Timing(lambda: 0))
    object.__setattr__(attempts, "timing", _Hand(now, slept))
    starts = []
    for _ in range(7):
        await attempts.wait((3, 10.0))
        starts.append(now[0])
    assert starts == [100.0] * 3 + [110.0] * 3 + [120.0]
    attempts.rest(50.0)
    await attempts.wait((3, 10.0))
    assert now[0] == 170.0


class _Hand:
    """A clock turned by hand."""

    def __init__(self, now, sleep):
        self.seconds, self.sleep = lambda: now[0], sleep


def test_pauses_double_up_to_a_cap_with_jitter_and_start_anew():
    backoff = Backoff(first=1.0, cap=8.0)
    pauses = [backoff.next() for _ in range(6)]
    for pause, whole in zip(pauses, [1, 2, 4, 8, 8, 8], strict=True):
        assert whole / 2 <= pause <= whole
    backoff.reset()
    assert backoff.next() <= 1.0


def test_topics_are_shared_out_evenly_and_each_has_one_twin():
    symbols = [f"S{i}" for i in range(5)]
    some = shares(
        "venue", line(most_topics=2), ("liquidations", "trades"),
        instruments(*symbols), twins=True,
    )  # fmt: skip
    assert [(share.topics, share.twin) for share in some] == [
        (("t.S0",), 0), (("t.S0",), 1), (("t.S1", "t.S2"), 0), (("t.S1", "t.S2"), 1),
        (("t.S3", "t.S4"), 0), (("t.S3", "t.S4"), 1),
    ]  # fmt: skip
    assert some[2].carries == {"liquidations": ("S1", "S2"), "trades": ("S1", "S2")}


def test_a_topic_for_all_markets_carries_them_all():
    whole = line(topics=lambda want, _listed: ["all"] if want == "liquidations" else [])
    [share] = shares("v", whole, ("liquidations", "trades"), instruments("A", "B"))
    assert (share.topics, share.carries) == (("all",), {"liquidations": ("A", "B")})


def test_a_line_that_carries_nothing_makes_no_connection():
    foreign = line(carries=lambda _instrument: False)
    assert shares("v", foreign, ("liquidations",), instruments("A")) == []


def test_an_address_replaces_the_host_and_its_path_only_if_it_has_one():
    url = "wss://venue.com/market/stream?streams=a"
    assert redirected(url, "") == url
    assert redirected(url, "ws://h:1") == "ws://h:1/market/stream?streams=a"
    assert redirected(url, "ws://h:1/x") == "ws://h:1/x?streams=a"


@run
async def test_twins_listen_to_the_same_and_renew_at_other_times():
    async with kept(Manners(), "BTC", lifetime=1.0, twins=True) as (heard, _keepers):
        await heard.until(lambda h: h.reasons)
        first = heard.of(Kind.CLOSED)[0].connection
        opened = {
            e.connection: o
            for e, o in zip(heard.of(Kind.OPENED), heard.opened, strict=True)
        }
        assert opened[first].twin == 1
        assert len(_keepers[0].edge.open) == 2
    assert {one.topics for one in heard.opened} == {("t.BTC",)}


@run
async def test_a_slow_consumer_holds_the_venue_back_and_loses_nothing():
    manners = Manners()
    async with kept(manners, "BTC", silent_after=0.4) as (heard, keepers):
        await heard.until(lambda h: h.frames)
        edge = keepers[0].edge
        edge.pause()
        [socket] = manners.sockets
        for number in range(2000):
            socket.say(b"fact %d " % number + b"x" * 1000)
        await asyncio.sleep(0.6)  # longer than `silent_after`
        held = len(heard.frames)
        edge.resume()
        await heard.until(lambda h: len(h.frames) == 2001)
    assert held < 2001
    numbers = [int(frame.split()[1]) for frame in heard.frames[1:]]
    assert numbers == list(range(2000))
    assert heard.reasons == ["stopped"]


@run
async def test_messages_in_parts_and_packed_ones_arrive_whole():
    manners = Manners()
    async with kept(manners, "BTC", compressed=True) as (heard, _keepers):
        await heard.until(lambda h: h.frames)
        [socket] = manners.sockets
        send = socket.transport.send
        send(WSMsgType.TEXT, b"fact ", fin=False)
        send(WSMsgType.CONTINUATION, b"in ", fin=False)
        send(WSMsgType.CONTINUATION, b"parts", fin=True)
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        for fact in (b"fact packed", b"fact packed once more"):
            packed = packer.compress(fact) + packer.flush(zlib.Z_SYNC_FLUSH)
            send(WSMsgType.TEXT, packed[:-4], rsv1=True)
        await heard.until(lambda h: len(h.frames) == 4)
    assert heard.frames[1:] == [
        b"fact in parts", b"fact packed", b"fact packed once more",
    ]  # fmt: skip


@run
async def test_a_frame_that_cannot_be_explained_is_entered_and_ends_nothing():
    manners = Manners(greeting=[b"nonsense", b"fact 1"])
    async with kept(manners, "BTC") as (heard, _keepers):
        await heard.until(lambda h: b"fact 1" in h.frames)
    assert b"nonsense" in heard.frames
    assert heard.reasons == ["stopped"]


@run
async def test_a_venue_that_is_not_there_is_tried_again_and_leaves_no_entry():
    heard = Heard()
    edge = Edge(heard, heard.timing(100.0))
    async with venue(Manners()) as address:
        pass
    [share] = shares(
        "v", line(), ("liquidations",), instruments("BTC"), address=address
    )
    keeper = Keeper(share, edge)
    task = asyncio.create_task(keeper.run())
    while keeper.failures < 3:
        await asyncio.sleep(0.01)
    assert keeper.state == "waiting"
    assert "Connect" in keeper.says
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert heard.entries == []


@run
async def test_being_sent_away_holds_back_the_next_attempt(monkeypatch):
    monkeypatch.setattr(sockets, "PENALTY", 1.0)
    monkeypatch.setattr(keeping, "GOOD_AFTER", 0.0)
    manners = Manners(closes=[1008])
    async with kept(manners, "BTC") as (heard, _keepers):
        await heard.until(lambda h: len(h.opened) == 2)
    first, second = manners.handshakes
    assert second - first >= 1.0
    assert heard.reasons[0] == "code 1008 go"


@run
async def test_a_message_that_cannot_be_unpacked_ends_the_connection():
    manners = Manners()
    async with kept(manners, "BTC", compressed=True) as (heard, _keepers):
        await heard.until(lambda h: h.frames)
        manners.sockets[0].transport.send(WSMsgType.TEXT, b"\xff\xff", rsv1=True)
        await heard.until(lambda h: len(h.opened) == 2)
    assert heard.reasons[0].startswith("error: a message that cannot be unpacked")


@run
async def test_what_was_refused_for_a_while_is_asked_for_again(monkeypatch):
    monkeypatch.setattr(keeping, "ASK_AGAIN", (0.3, 3600.0))
    manners = Manners(bad=("t.BTC", "t.ETH"))
    async with kept(manners, "BTC", "ETH") as (heard, keepers):
        await heard.until(lambda h: h.reasons)
        manners.bad = ("t.ETH",)
        await heard.until(lambda h: b"yes t.BTC" in h.frames)
        manners.bad = ()
        await heard.until(lambda h: b"yes t.BTC t.ETH" in h.frames)
        await heard.until(lambda h: len(h.reasons) == 2)
        assert keepers[0].refused == {}
    assert heard.reasons == ["refused", "lifetime", "stopped"]
