"""Fake exchanges as a plain client of websockets meets them, on real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from contextlib import asynccontextmanager
from decimal import ROUND_HALF_EVEN, Decimal

import aiohttp
import pytest

import _fake
from _fake import run
from washout.errors import InputError, UnknownName, UsageError
from washout.testing import FakeExchange, Fault
from washout.testing.exchange_faults import read_faults
from washout.testing.exchange_ledger import Fact, compare
from washout.testing.exchange_market import Pace

WITHIN = 10
"""Seconds of the machine within which anything that is expected must come."""

BUSY = Pace(orders=0.5, trades=1.0)

LINES = {
    # line: path, what to ask, what says that it was acknowledged, how data look
    "binance.usdm": (
        "/market/ws", '{"method":"SUBSCRIBE","params":["!forceOrder@arr"],"id":1}',
        '{"result":null,"id":1}', '{"e":"forceOrder"',
    ),
    "binance.coinm": (
        "/ws", '{"method":"SUBSCRIBE","params":["btcusd_perp@forceOrder"],"id":7}',
        '{"result":null,"id":7}', '{"e":"forceOrder"',
    ),
    "aster.usdm": (
        "/ws", '{"method":"SUBSCRIBE","params":["!forceOrder@arr"],"id":1}',
        '{"result":null,"id":1}', '{"e":"forceOrder"',
    ),
    "bybit.linear": (
        "/v5/public/linear", '{"op":"subscribe","args":["allLiquidation.BTCUSDT"]}',
        '{"success":true,', '{"topic":"allLiquidation.BTCUSDT"',
    ),
    "bybit.inverse": (
        "/v5/public/inverse", '{"op":"subscribe","args":["allLiquidation.BTCUSD"]}',
        '{"success":true,', '{"topic":"allLiquidation.BTCUSD"',
    ),
    "okx.public": (
        "/ws/v5/public",
        '{"op":"subscribe","args":[{"channel":"liquidation-orders","instType":"SWAP"}]}',
        '{"event":"subscribe"', '{"arg":{"channel":"liquidation-orders"',
    ),
    "bitmex.realtime": (
        "/realtime", '{"op":"subscribe","args":["liquidation"]}',
        '{"success":true,"subscribe":"liquidation"', '{"table":"liquidation","action":"insert"',
    ),
    "deribit.public": (
        "/ws/api/v2",
        '{"jsonrpc":"2.0","id":3,"method":"public/subscribe","params":{"channels":["trades.future.any.100ms"]}}',
        '{"jsonrpc":"2.0","id":3,"result":["trades.future.any.100ms"]',
        '{"jsonrpc":"2.0","method":"subscription"',
    ),
    "bitget.public": (
        "/v3/ws/public",
        '{"op":"subscribe","args":[{"instType":"usdt-futures","topic":"liquidation"}]}',
        '{"event":"subscribe"', '{"action":"update"',
    ),
    "gate.usdt": (
        "/v4/ws/usdt",
        '{"time":1,"channel":"futures.public_liquidates","event":"subscribe","payload":["!all"]}',
        '"result":{"status":"success"}', '"event":"update"',
    ),
    "htx.linear": (
        "/linear-swap-notification",
        '{"op":"sub","cid":"a","topic":"public.*.liquidation_orders"}',
        '"err-code":0', '{"op":"notify"',
    ),
    "gate.btc": (
        "/v4/ws/btc",
        '{"time":1,"channel":"futures.public_liquidates","event":"subscribe","payload":["BTC_USD"]}',
        '"result":{"status":"success"}', '"contract":"BTC_USD"',
    ),
    "htx.inverse": (
        "/swap-notification",
        '{"op":"sub","cid":"a","topic":"public.BTC-USD.liquidation_orders"}',
        '"err-code":0', '"contract_code":"BTC-USD"',
    ),
    "kraken.futures": (
        "/ws/v1", '{"event":"subscribe","feed":"trade","product_ids":["PF_XBTUSD"]}',
        '{"event":"subscribed","feed":"trade"', '"type":"liquidation"',
    ),
    "bitfinex.public": (
        "/ws/2", '{"event":"subscribe","channel":"status","key":"liq:global"}',
        '{"event":"subscribed","channel":"status","chanId":91001', '[91001,[["pos"',
    ),
    "dydx.indexer": (
        "/v4/ws", '{"type":"subscribe","channel":"v4_trades","id":"BTC-USD"}',
        '{"type":"subscribed"', '"type":"LIQUIDATED"',
    ),
    "hyperliquid.public": (
        "/ws", '{"method":"subscribe","subscription":{"type":"trades","coin":"BTC"}}',
        '{"channel":"subscriptionResponse"', '{"channel":"trades"',
    ),
}  # fmt: skip

CLIENT_PINGS = {
    "bybit.linear": ('{"op":"ping"}', '"ret_msg":"pong"'),
    "okx.public": ("ping", "pong"),
    "bitmex.realtime": ("ping", "pong"),
    "bitget.public": ("ping", "pong"),
    "gate.usdt": ('{"time":1,"channel":"futures.ping"}', '"channel":"futures.pong"'),
    "htx.linear": ('{"op":"ping","ts":"5"}', '{"op":"pong","ts":"5"}'),
    "bitfinex.public": ('{"event":"ping","cid":9}', '"event":"pong"'),
    "deribit.public": ('{"jsonrpc":"2.0","id":1,"method":"public/test"}', '"version"'),
    "hyperliquid.public": ('{"method":"ping"}', '{"channel":"pong"}'),
}

REFUSED = {
    "bybit.linear": ('{"op":"subscribe","args":["nothing.BTCUSDT"]}', '"success":false'),
    "okx.public": ('{"op":"subscribe","args":[{"channel":"x"}]}', '"code":"60018"'),
    "bitmex.realtime": ('{"op":"subscribe","args":["x"]}', '"status":400'),
    "deribit.public": (
        '{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":["trades.BTC-PERPETUAL.raw"]}}',
        '"code":13778',
    ),
    "bitget.public": ('{"op":"subscribe","args":[{"instType":"x","topic":"y"}]}', '"code":"30001"'),
    "gate.usdt": ('{"channel":"futures.nothing","event":"subscribe"}', '"error":{"code":2'),
    "htx.linear": ('{"op":"sub","topic":"public.x"}', '"err-code":1002'),
    "kraken.futures": ('{"event":"subscribe","feed":"x"}', '"message":"Invalid feed"'),
    "bitfinex.public": ('{"event":"subscribe","channel":"status","key":"x"}', '"code":10300'),
    "dydx.indexer": ('{"type":"subscribe","channel":"x","id":"y"}', '"type":"error"'),
    "hyperliquid.public": ('{"method":"subscribe","subscription":{"type":"x"}}', '"channel":"error"'),
}  # fmt: skip


class Client:
    """Reads text, unpacked where it is packed, and answers pings of the websocket."""

    def __init__(self, socket, *, answers_pings: bool = True):
        self.socket, self._answers = socket, answers_pings
        self.read: list[str] = []
        self.pings = 0

    async def say(self, text: str) -> None:
        await self.socket.send_str(text)

    async def next(self) -> str | None:
        """The next message; None if the connection has ended."""
        while True:
            message = await asyncio.wait_for(self.socket.receive(), WITHIN)
            if message.type is aiohttp.WSMsgType.PING:
                self.pings += 1
                if self._answers:
                    await self.socket.pong(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                self.read.append(message.data)
                return message.data
            elif message.type is aiohttp.WSMsgType.BINARY:
                self.read.append(gzip.decompress(message.data).decode())
                return self.read[-1]
            elif message.type is not aiohttp.WSMsgType.PONG:
                return None

    async def until(self, part: str) -> str:
        while (said := await self.next()) is not None:
            if part in said:
                return said
        raise AssertionError(f"the connection ended before {part!r} came")

    async def end(self) -> int | None:
        """Read to the end; the close code, None if there was none."""
        while await self.next() is not None:
            pass
        code = self.socket.close_code
        return None if code == 1006 else code


@asynccontextmanager
async def connected(
    fake, line: str, *, path: str | None = None, ask: bool = True, **more
):
    exchange, name = line.split(".")
    where, asked, ack, _ = LINES[line]
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            fake.url(exchange, name) + (path or where), autoping=False
        ) as socket,
    ):
        client = Client(socket, **more)
        if ask:
            await client.say(asked)
            await client.until(ack)
        yield client


async def rest(fake, line: str, path: str):
    exchange, name = line.split(".")
    async with (
        aiohttp.ClientSession() as session,
        session.get(fake.rest_url(exchange, name) + path) as answer,
    ):
        return answer.status, answer.headers, await answer.text()


def fake_of(*lines: str, speed: float = 60, **more) -> FakeExchange:
    more.setdefault("pace", BUSY)
    return FakeExchange(lines, speed=speed, begin=1_795_564_800_000_000, seed=5, **more)


# What every venue does.


def test_every_line_that_can_be_faked_is_tried_here():
    with fake_of(generate=False) as fake:
        assert sorted(fake.urls()) == sorted(LINES)


@pytest.mark.parametrize("line", sorted(LINES))
@run
async def test_a_subscription_is_acknowledged_and_data_come(line):
    async with fake_of(line) as fake, connected(fake, line) as client:
        await client.until(LINES[line][3])
    assert fake.ledger.connections[0].acknowledged is not None


@pytest.mark.parametrize("line", sorted(CLIENT_PINGS))
@run
async def test_a_ping_of_the_client_is_answered_as_the_venue_does(line):
    ping, pong = CLIENT_PINGS[line]
    async with fake_of(line, generate=False) as fake, connected(fake, line) as client:
        await client.say(ping)
        await client.until(pong)


@pytest.mark.parametrize("line", sorted(REFUSED))
@run
async def test_a_wrong_subscription_is_refused_in_the_words_of_the_venue(line):
    asked, refusal = REFUSED[line]
    async with (
        fake_of(line, generate=False) as fake,
        connected(fake, line, ask=False) as client,
    ):
        await client.say(asked)
        await client.until(refusal)


@pytest.mark.parametrize(
    ("line", "every"), [("binance.usdm", 180), ("dydx.indexer", 30), ("htx.linear", 5)]
)
@run
async def test_who_does_not_answer_the_pings_of_a_venue_is_cut(line, every):
    async with fake_of(
        line, generate=False, speed=2000 if every > 100 else 100
    ) as fake:
        async with connected(fake, line, answers_pings=False) as client:
            assert await client.end() == 1008
        ended = fake.ledger.connections[0]
        assert ended.how == "code 1008"
        assert ended.closed - ended.opened >= every * 1_000_000
    pings = client.pings or sum('"op":"ping"' in one for one in client.read)
    assert pings >= 1


@pytest.mark.parametrize(
    ("line", "code"),
    [("okx.public", 4004), ("kraken.futures", 1000), ("hyperliquid.public", 1000)],
)
@run
async def test_who_is_idle_too_long_is_cut(line, code):
    async with (
        fake_of(line, generate=False, speed=200) as fake,
        connected(fake, line) as client,
    ):
        assert await client.end() == code


@run
async def test_a_day_ends_a_connection_to_binance():
    async with (
        fake_of("binance.usdm", generate=False, speed=200_000) as fake,
        connected(fake, "binance.usdm") as client,
    ):
        assert await client.end() in (1001, 1008)
    ended = fake.ledger.connections[0]
    assert ended.closed - ended.opened > 600_000_000


@run
async def test_addresses_without_a_route_acknowledge_and_stay_silent():
    async with (
        fake_of("binance.usdm", speed=200) as fake,
        connected(fake, "binance.usdm", path="/ws") as silent,
        connected(fake, "binance.usdm") as heard,
    ):
        for _ in range(5):
            await heard.until("forceOrder")
    assert silent.read == ['{"result":null,"id":1}']
    assert {one[4] for one in fake.ledger.withheld} == {"unrouted"}


@run
async def test_too_many_messages_end_a_connection_to_binance():
    async with (
        fake_of("binance.usdm", generate=False, speed=1) as fake,
        connected(fake, "binance.usdm") as client,
    ):
        for number in range(12):
            await client.say(f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}')
        assert await client.end() == 1008


@run
async def test_streams_of_the_address_are_named_in_the_frame():
    path = "/market/stream?streams=btcusdt@aggTrade/btcusdt@markPrice@1s"
    async with (
        fake_of("binance.usdm") as fake,
        connected(fake, "binance.usdm", path=path, ask=False) as client,
    ):
        trade = json.loads(await client.until("aggTrade"))
        mark = json.loads(await client.until("markPriceUpdate"))
    assert trade["stream"] == "btcusdt@aggTrade"
    assert mark["stream"] == "btcusdt@markPrice@1s"
    assert trade["data"]["s"] == mark["data"]["s"] == "BTCUSDT"


@run
async def test_deribit_asks_whether_one_is_there_and_cuts_who_is_not():
    beat = '{"jsonrpc":"2.0","id":2,"method":"public/set_heartbeat","params":{"interval":10}}'
    async with (
        fake_of("deribit.public", generate=False, speed=50) as fake,
        connected(fake, "deribit.public") as client,
    ):
        await client.say(beat)
        await client.until("test_request")
        assert await client.end() == 1008


@pytest.mark.parametrize(
    ("line", "path", "part"),
    [
        ("binance.usdm", "/fapi/v1/openInterest?symbol=BTCUSDT", '"symbol":"BTCUSDT"'),
        ("binance.coinm", "/dapi/v1/openInterest?symbol=BTCUSD_PERP", '"pair":"BTCUSD"'),
        ("binance.usdm", "/fapi/v1/fundingRate?symbol=BTCUSDT&limit=3", '"fundingTime"'),
        ("bybit.linear", "/v5/market/tickers?category=inverse&symbol=BTCUSD", '"openInterest"'),
        ("okx.public", "/api/v5/public/open-interest?instType=SWAP&instId=BTC-USD-SWAP", '"oiCcy"'),
        ("okx.public", "/api/v5/public/funding-rate?instId=BTC-USDT-SWAP", '"fundingRate"'),
        ("deribit.public", "/api/v2/public/get_instruments?currency=BTC&kind=future", "BTC-PERPETUAL"),
    ],
)  # fmt: skip
@run
async def test_rest_answers_on_the_same_port(line, path, part):
    async with fake_of(line, generate=False) as fake:
        status, _, body = await rest(fake, line, path)
    assert status == 200
    assert part in body


@run
async def test_rest_says_what_it_does_not_know():
    async with fake_of("binance.usdm", "okx.public", generate=False) as fake:
        binance = await rest(fake, "binance.usdm", "/fapi/v1/openInterest?symbol=NONE")
        okx = await rest(fake, "okx.public", "/api/v5/public/open-interest?instId=NONE")
        nowhere = await rest(fake, "okx.public", "/api/v5/nowhere")
    assert (binance[0], json.loads(binance[2])["code"]) == (400, -1121)
    assert (okx[0], json.loads(okx[2])["code"]) == (200, "51001")
    assert nowhere[0] == 404


# What goes wrong.

LINE = "binance.usdm"


@asynccontextmanager
async def quiet(line: str = LINE):
    """A fake that prints nothing by itself, and a client that has subscribed."""
    async with (
        fake_of(line, generate=False, speed=20) as fake,
        connected(fake, line) as client,
    ):
        await asyncio.sleep(0)
        yield fake, client


async def played(fake, client, count: int, come: int | None = None) -> list[str]:
    """So many forced orders are printed; what comes of them."""
    await asyncio.sleep(0.01)
    line = fake.line(LINE)
    found = [one for one in _fake.pushes(line.protocol, 2000, orders=0.5) if one.orders]
    for push in found[:count]:
        line.send(push)
    return [await client.next() for _ in range(come or count)]


@run
async def test_a_disconnect_has_a_close_code_and_a_drop_has_none():
    async with fake_of(LINE) as fake:
        async with connected(fake, LINE) as client:
            fake.inject(Fault(at=0, kind="disconnect", code=1012))
            assert await client.end() == 1012
        async with connected(fake, LINE) as client:
            fake.inject(Fault(at=0, kind="drop"))
            assert await client.end() is None
        async with connected(fake, LINE) as client:
            fake.inject(Fault(at=0, kind="reset"))
            assert await client.end() is None
    assert [one.how for one in fake.ledger.connections] == [
        "code 1012",
        "drop",
        "reset",
    ]


@run
async def test_half_open_says_nothing_and_keeps_tcp_until_it_ends():
    async with fake_of(LINE, speed=60) as fake, connected(fake, LINE) as client:
        await client.until("forceOrder")
        fake.inject(Fault(at=0, kind="half_open", lasts=60))
        assert await client.end() is None
    kept = [one for one in fake.ledger.withheld if one[4] == "half_open"]
    assert len(kept) == 1
    assert kept[0][3] - kept[0][2] >= 59_000_000
    assert sum(one.withheld for one in fake.ledger.orders.values()) > 5


@run
async def test_silence_withholds_data_and_answers_pings():
    async with (
        fake_of("bybit.linear") as fake,
        connected(fake, "bybit.linear") as client,
    ):
        await client.until("allLiquidation")
        fake.inject(Fault(at=0, kind="silence", lasts=60))
        before = len(client.read)
        await client.say('{"op":"ping"}')
        await client.until("pong")
        await client.until("allLiquidation")
    start, stop = fake.ledger.withheld[0][2:4]
    assert fake.ledger.withheld[0][4] == "silence"
    assert stop - start >= 60_000_000
    assert len(client.read) - before <= 3


@run
async def test_a_new_connection_is_acknowledged_and_silent_too():
    async with fake_of("bybit.linear", speed=30) as fake:
        fake.inject(Fault(at=0, kind="silence", lasts=30))
        async with connected(fake, "bybit.linear") as client:
            await client.until("allLiquidation")
    record = fake.ledger.connections[0]
    assert fake.ledger.withheld[0][2] == record.acknowledged


@run
async def test_a_malformed_frame_is_no_json_and_the_next_one_is():
    async with quiet() as (fake, client):
        fake.inject(Fault(at=0, kind="malformed", count=2))
        said = await played(fake, client, 3)
    for broken in said[:2]:
        with pytest.raises(json.JSONDecodeError):
            json.loads(broken)
    assert json.loads(said[2])["e"] == "forceOrder"
    assert [one.broken for one in fake.ledger.orders.values()] == [1, 1, 0]
    assert fake.ledger.faults[0].frames == 2


@run
async def test_a_truncated_frame_breaks_the_connection_off():
    async with fake_of(LINE) as fake, connected(fake, LINE) as client:
        fake.inject(Fault(at=0, kind="truncated"))
        assert await client.end() is None
    assert sum("forceOrder" in one for one in client.read) == sum(
        one.whole for one in fake.ledger.orders.values()
    )
    assert sum(one.broken for one in fake.ledger.orders.values()) == 1


@run
async def test_duplicated_frames_come_twice_and_the_ledger_counts_them_apart():
    async with quiet() as (fake, client):
        fake.inject(Fault(at=0, kind="duplicated", count=2))
        said = await played(fake, client, 3, 5)
    assert said[0] == said[1]
    assert said[2] == said[3]
    assert len(set(said)) == 3
    counted = [(one.whole, one.extra) for one in fake.ledger.orders.values()]
    assert counted == [(1, 1), (1, 1), (1, 0)]


@run
async def test_reordered_frames_come_backwards():
    async with quiet() as (fake, client):
        fake.inject(Fault(at=0, kind="reordered", count=4))
        times = [json.loads(one)["E"] for one in await played(fake, client, 6)]
    right = sorted(times)
    assert times == [*reversed(right[:4]), *right[4:]]


@run
async def test_a_late_frame_comes_after_others():
    async with quiet() as (fake, client):
        fake.inject(Fault(at=0, kind="late", count=1, by=5))
        times = [json.loads(one)["E"] for one in await played(fake, client, 4)]
    right = sorted(times)
    assert times == [*right[1:], right[0]]


@run
async def test_slow_frames_keep_their_order():
    async with fake_of(LINE, speed=30) as fake, connected(fake, LINE) as client:
        await client.until("forceOrder")
        fake.inject(Fault(at=0, kind="slow", lasts=20, by=15))
        first = json.loads(await client.next())["E"]
        behind = fake.now() // 1000 - first
        times = [json.loads(await client.next())["E"] for _ in range(5)]
    assert behind >= 14_000
    assert times == sorted(times)


@run
async def test_clock_skew_is_in_the_times_and_in_the_ledger():
    async with fake_of(LINE) as fake, connected(fake, LINE) as client:
        fake.inject(Fault(at=0, kind="clock_skew", lasts=10_000, by=3600))
        await client.next()
        times = [json.loads(await client.next())["o"]["T"] for _ in range(3)]
        assert all(time - fake.now() // 1000 > 3_000_000 for time in times)
    written = {one.time // 1000 for one in fake.ledger.orders.values()}
    assert set(times) <= written


@run
async def test_a_burst_comes_whole_and_is_in_the_ledger_order_by_order():
    async with (
        fake_of("bybit.linear", speed=1) as fake,
        connected(fake, "bybit.linear") as client,
    ):
        fake.inject(Fault(at=0, kind="burst", count=5000))
        found = []
        while len(found) < 5000:
            said = json.loads(await client.until("allLiquidation"))
            found += [
                (one["T"] * 1000, "long" if one["S"] == "Buy" else "short")
                for one in said["data"]
            ]
    sent = [one for one in fake.ledger.delivered() if one.serial >= 1_000_000_000]
    assert len(sent) == 5000
    assert len({one.key for one in sent}) == 5000
    assert Counter(found) >= Counter((one.key.time, one.key.liquidated) for one in sent)


@pytest.mark.parametrize("code", [429, 418])
@run
async def test_handshakes_and_rest_are_refused_with_retry_after(code):
    async with fake_of(LINE, generate=False, speed=1) as fake:
        fake.inject(Fault(at=0, kind="rate_limit", code=code, by=17, lasts=60))
        status, headers, _ = await rest(fake, LINE, "/fapi/v1/exchangeInfo")
        assert (status, headers["Retry-After"]) == (code, "17")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(fake, LINE):
                pass
    assert refused.value.status == code
    assert refused.value.headers["Retry-After"] == "17"
    assert fake.ledger.connections == []


@run
async def test_more_handshakes_than_the_venue_allows_are_refused():
    async with fake_of("okx.public", generate=False, speed=1) as fake:
        for _ in range(3):
            async with connected(fake, "okx.public", ask=False):
                pass
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(fake, "okx.public"):
                pass
    assert refused.value.status == 429


@run
async def test_symbols_are_refused_and_others_are_served():
    asked = '{"op":"subscribe","args":["allLiquidation.ETHUSDT"]}'
    async with fake_of("bybit.linear") as fake:
        fake.inject(Fault(at=0, kind="refuse", symbols=("ETHUSDT",), lasts=1e6))
        async with connected(fake, "bybit.linear") as client:
            await client.say(asked)
            await client.until("handler not found,topic:allLiquidation.ETHUSDT")
            await client.until('"topic":"allLiquidation.BTCUSDT"')


@run
async def test_a_missing_acknowledgement_is_a_subscription_that_is_not_served():
    async with fake_of("bybit.linear", speed=30) as fake:
        fake.inject(Fault(at=0, kind="no_ack", lasts=30))
        async with connected(fake, "bybit.linear", ask=False) as client:
            await client.say(LINES["bybit.linear"][1])
            await client.say('{"op":"ping"}')
            await client.until("pong")
            assert fake.ledger.connections[0].acknowledged is None
    assert fake.ledger.delivered() == []


@run
async def test_a_fault_concerns_the_connection_it_names():
    async with (
        fake_of(LINE) as fake,
        connected(fake, LINE) as first,
        connected(fake, LINE) as second,
    ):
        fake.inject(Fault(at=0, kind="drop", connection=2))
        assert await second.end() is None
        await first.until("forceOrder")
    assert [one.how for one in fake.ledger.connections] == ["client: 1000", "drop"]


@run
async def test_the_newest_connection_can_be_named_without_its_number():
    async with (
        fake_of(LINE) as fake,
        connected(fake, LINE) as first,
        connected(fake, LINE) as second,
    ):
        fake.inject(Fault(at=0, kind="drop", connection=-1))
        assert await second.end() is None
        await first.until("forceOrder")
    assert fake.ledger.faults[0].connections == (2,)


@run
async def test_a_script_happens_at_its_times(tmp_path):
    script = tmp_path / "faults.toml"
    script.write_text(
        '[[fault]]\nat = 40\nkind = "drop"\nvenue = "binance"\n'
        '[[fault]]\nat = 20\nkind = "malformed"\ncount = 1\n'
    )
    async with fake_of(LINE, faults=script) as fake, connected(fake, LINE) as client:
        assert await client.end() is None
    assert [one.fault.kind for one in fake.ledger.faults] == ["malformed", "drop"]
    offsets = [(one.at - 1_795_564_800_000_000) / 1e6 for one in fake.ledger.faults]
    assert offsets[0] >= 20
    assert offsets[1] >= 40


def test_a_script_that_says_something_else_is_refused(tmp_path):
    script = tmp_path / "faults.toml"
    script.write_text('[[fault]]\nat = 1\nkind = "earthquake"\n')
    with pytest.raises(InputError, match="earthquake"):
        read_faults(script)


# The ledger.


@run
async def test_the_ledger_has_exactly_what_a_client_read():
    async with quiet() as (fake, client):
        said = await played(fake, client, 40)
    read = [json.loads(one)["o"] for one in said]
    assert [
        (one.time, "SELL" if one.long else "BUY", one.usd)
        for one in fake.ledger.delivered()
    ] == [(one["T"] * 1000, one["S"], in_cents(one)) for one in read]
    assert fake.ledger.connections[0].frames == {"other": 1, "orders": 40}
    assert sum(one[1] for one in fake.ledger.seconds.values()) == 40


def in_cents(order) -> int:
    exact = Decimal(order["z"]) * Decimal(order["ap"]) * 100
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


@run
async def test_a_hole_is_what_no_connection_covers():
    async with fake_of(LINE) as fake:
        async with connected(fake, LINE) as first:
            await first.until("forceOrder")
            async with connected(fake, LINE) as twin:
                fake.inject(Fault(at=0, kind="drop", connection=1))
                await first.end()
                await twin.until("forceOrder")
        left = fake.now()
        await asyncio.sleep(0.2)
        async with connected(fake, LINE) as third:
            back = fake.now()
            await third.until("forceOrder")
            holes = fake.ledger.holes(LINE, fake.now())
    assert [(one.why, one.seen) for one in holes] == [("client: 1000", "at once")]
    assert holes[0].start <= left + 2_000_000
    assert holes[0].stop <= back
    assert holes[0].stop - holes[0].start > 5_000_000


@run
async def test_a_comparison_finds_what_is_lost_doubled_made_up_and_in_no_gap():
    async with fake_of(LINE) as fake:
        async with connected(fake, LINE) as client:
            for _ in range(10):
                await client.until("forceOrder")
        await asyncio.sleep(0.3)
        end = fake.now()
    ledger, begin = fake.ledger, fake.ledger.connections[0].acknowledged
    sent = [one.key for one in ledger.delivered()]
    missed = [one for one in ledger.missed() if begin <= one.at < end]
    gap = {"binance": [(min(one.time for one in missed), end + 1, "")]}
    right = compare(ledger, sent, gap, start=begin, stop=end)
    assert right.exact
    assert (right.sent, right.stored, right.in_gaps) == (
        len(sent),
        len(sent),
        len(missed),
    )
    assert right.sent_usd == right.stored_usd
    made_up = Fact("binance", "BTC-USDT", 5, "long", 1)
    wrong = compare(ledger, [*sent[1:], sent[1], made_up], {}, start=begin, stop=end)
    assert wrong.lost == (sent[0],)
    assert wrong.duplicated == (sent[1],)
    assert wrong.unknown == (made_up,)
    assert set(wrong.uncovered) == {one.key for one in missed}


@run
async def test_recorded_frames_are_played_as_they_were(tmp_path):
    path = tmp_path / "frames.jsonl"
    raw = '{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT"}}'
    path.write_text(
        json.dumps({"exchange": "binance-usdm", "at": 5, "raw": raw})
        + "\n"
        + json.dumps({"exchange": "htx", "at": 6, "raw": '{"op":"notify","x":1}'})
        + "\n"
    )
    async with (
        fake_of(LINE, "htx.linear", frames=path, speed=5) as fake,
        connected(fake, LINE) as binance,
        connected(fake, "htx.linear") as htx,
    ):
        assert await binance.next() == raw
        assert await htx.until("notify") == '{"op":"notify","x":1}'


@run
async def test_one_seed_gives_one_market():
    async def first(seed: int) -> list[str]:
        async with (
            FakeExchange(
                [LINE], speed=60, begin=0, seed=seed, pace=BUSY, generate=True
            ) as fake,
            connected(fake, LINE) as client,
        ):
            await client.until("forceOrder")
            await asyncio.sleep(0.3)
        found = sorted(
            fake.ledger.orders.values(), key=lambda one: (one.time, one.symbol)
        )
        return [(one.time, one.symbol, one.usd) for one in found[:5]]

    assert await first(1) == await first(1)
    assert await first(1) != await first(2)


def test_a_fake_runs_in_a_thread_too_and_says_what_it_does_not_know():
    with fake_of(LINE, generate=False) as fake:
        assert fake.url("binance") == fake.url("binance", "usdm")
        with pytest.raises(UsageError, match="okx"):
            fake.url("okx")
    with pytest.raises(UnknownName, match="binanse"):
        FakeExchange(["binanse"])
    with pytest.raises(UsageError, match="above 0"):
        FakeExchange([LINE], speed=0)


def test_the_options_name_every_line_and_every_host_once():
    with fake_of("binance", "bybit", "okx", generate=False) as fake:
        told = fake.options()
    named = [one.split("=")[0] for one in told if not one.startswith("--")]
    assert named == [
        "binance.usdm", "fapi.binance.com", "binance.coinm", "dapi.binance.com",
        "bybit.linear", "bybit", "bybit.inverse", "okx", "okx",
    ]  # fmt: skip
