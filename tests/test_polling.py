"""Polls and listings against a small HTTP server on loopback."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
from picows import WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server

from _venue import Heard, instruments, run
from washout.collect.entries import Kind, Listed, Polled
from washout.collect.polling import Poller, client, list_instruments, listed
from washout.collect.shares import redirected
from washout.collect.sockets import Edge
from washout.exchanges import Exchange, Instrument, Listing, Poll


@asynccontextmanager
async def server(answers):
    """`answers[path]` is the body, or (status, headers) of a refusal, then forgotten."""
    asked = []

    def listener(request):
        path = request.path.decode()
        asked.append(path)
        answer = answers.get(path, (404, {}))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, bytes):
            response = WSUpgradeResponse.create_ok_response(answer)
        else:
            status, headers = answer
            response = WSUpgradeResponse.create_error_response(
                status, b"busy", extra_headers=headers
            )
        return WSUpgradeResponseWithListener(response, None)

    running = await ws_create_server(listener, "127.0.0.1", 0)
    host, port = running.sockets[0].getsockname()[:2]
    try:
        yield f"http://{host}:{port}", asked
    finally:
        running.close()


def to(address):
    return lambda url: redirected(url, address)


def poll(every):
    return Poll(
        name="oi", want="open_interest", every=every,
        locate=lambda one: f"https://venue.invalid/oi?s={one.symbol}",
        decode=lambda _body, _ts, _one: [],
    )  # fmt: skip


@asynccontextmanager
async def polling(address, every, *symbols):
    heard = Heard()
    edge = Edge(heard, heard.timing())
    poller = Poller("venue", poll(every), instruments(*symbols), edge, to(address))
    async with client() as http:
        task = asyncio.create_task(poller.run(http))
        try:
            yield heard, poller
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def answers_of(heard):
    parts = [entry.payload.partition(b"\n") for entry in heard.of(Kind.POLLED)]
    return [(msgspec.json.decode(head, type=Polled), body) for head, _, body in parts]


@run
async def test_instruments_are_polled_in_turn_and_answers_become_entries():
    bodies = {f"/oi?s={s}": f"{s} body\n".encode() for s in ("A", "B", "C")}
    async with (
        server(bodies) as (address, asked),
        polling(address, 0.3, "A", "B", "C") as (heard, poller),
    ):
        await heard.until(lambda h: len(h.entries) >= 6)
    assert asked[:6] == ["/oi?s=A", "/oi?s=B", "/oi?s=C"] * 2
    about, body = answers_of(heard)[1]
    assert about == Polled(exchange="venue", poll="oi", symbol="B", status=200)
    assert body == b"B body\n"
    assert poller.errors == 0


@run
async def test_a_refusal_is_entered_counted_and_its_retry_after_honoured():
    answers = {"/oi?s=A": [(429, {"Retry-After": "1"}), b"later"]}
    async with (
        server(answers) as (address, asked),
        polling(address, 0.05, "A") as (heard, poller),
    ):
        await heard.until(lambda h: h.entries)
        first = len(asked)
        await asyncio.sleep(0.5)
        assert len(asked) == first
        await heard.until(lambda h: len(h.entries) >= 2)
        assert poller.errors == 1
    assert [(a.status, b) for a, b in answers_of(heard)[:2]] == [
        (429, b"busy"), (200, b"later"),
    ]  # fmt: skip


@run
async def test_a_server_that_is_not_there_stops_nothing():
    async with server({}) as (address, _asked):
        pass
    async with polling(address, 0.02, "A") as (heard, poller):
        while poller.errors < 3:
            await asyncio.sleep(0.01)
        assert "ConnectError" in poller.says
    assert heard.entries == []


def exchange(read):
    listing = Listing(url="https://venue.invalid/list", read=read)
    return Exchange(name="venue", title="Venue", listings=(listing,))


@run
async def test_instruments_are_listed_and_told_in_an_entry():
    found = Instrument(
        symbol="BTC-SWAP", asset="BTC", market="BTC-USDT", contract=Decimal("0.01")
    )
    heard = Heard()
    edge = Edge(heard, heard.timing())
    async with server({"/list": b"x"}) as (address, _asked), client() as http:
        some, troubles = await list_instruments(
            http, edge, exchange(lambda _b: [found]), to(address)
        )
    assert troubles == []
    assert some == [found]
    told = msgspec.json.decode(listed(edge, "venue", some).payload, type=Listed)
    assert told.exchange == "venue"
    assert msgspec.convert(told.instruments[0], Instrument) == found


@run
async def test_a_list_that_cannot_be_had_costs_no_other_list():
    one = Instrument(symbol="A", asset="A", market="A-USDT")
    venue = Exchange(
        name="venue", title="Venue",
        listings=(
            Listing(url="https://v.invalid/odd", read=lambda _b: {}["symbols"]),
            Listing(url="https://v.invalid/gone", read=lambda _b: []),
            Listing(url="https://v.invalid/good", read=lambda _b: [one]),
        ),
    )  # fmt: skip
    heard = Heard()
    edge = Edge(heard, heard.timing())
    answers = {"/odd": b"{}", "/good": b"[]"}
    async with server(answers) as (address, _asked), client() as http:
        some, troubles = await list_instruments(http, edge, venue, to(address))
    assert some == [one]
    assert troubles == [
        "https://v.invalid/odd: KeyError: 'symbols'", "https://v.invalid/gone: HTTP 404",
    ]  # fmt: skip
