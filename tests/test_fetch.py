"""Fetching against a local server that can misbehave."""

from __future__ import annotations

import hashlib
import json
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from washout.cli.fetch import command
from washout.clock import DAY, HOUR, SECOND, parse_time, to_datetime
from washout.collect._server import Machine, retry_after
from washout.collect.fetch import Fetched, fetch, find_source, sources
from washout.collect.sources import Wanted
from washout.errors import FetchError, NoData, UnknownName, UsageError
from washout.instruments import parse_scope
from washout.testing.history_server import Fault, HistoryServer

VENDORS = Path(__file__).parent / "data" / "vendors"
NOW = parse_time("2025-01-01")
KEY = "s3cret-key-of-mine"
KEYS = {
    "COINALYZE_API_KEY": KEY,
    "COINGLASS_API_KEY": KEY,
    "CRYPTOQUANT_API_KEY": KEY,
}


class FakeTime:
    """A clock that only sleep moves."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += int(seconds * SECOND)

    def machine(self) -> Machine:
        return Machine(lambda: self.now, self.sleep)


@pytest.fixture(autouse=True)
def _direct(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def clock():
    return FakeTime()


@pytest.fixture
def server(tmp_path):
    with HistoryServer(tmp_path / "remote") as running:
        yield running


def wanted(*scopes: str, start="2024-08-01", stop="2024-08-04", **more) -> Wanted:
    return Wanted(
        start=parse_time(start), stop=parse_time(stop),
        scopes=tuple(map(parse_scope, scopes)), **more,
    )  # fmt: skip


def run(server, clock, tmp_path, name, asked, **more) -> Fetched:
    return fetch(
        find_source(name), asked, tmp_path / "local", clock.machine(),
        base_url=server.url, environment=KEYS, **more,
    )  # fmt: skip


def metrics(day: str) -> str:
    return f"futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-{day}.zip"


def put(server, path: str, size: int = 5000) -> bytes:
    content = hashlib.sha256(path.encode()).digest() * (size // 32)
    file = server.folder / "data" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return content


METRICS = wanted("binance:BTC-USDT", data=("metrics",))


def paths(server) -> list[str]:
    return [seen.path for seen in server.seen]


# The archive


def test_archive_days_come_with_their_checksums_and_are_not_fetched_twice(
    server, clock, tmp_path
):
    contents = [put(server, metrics(f"2024-08-0{n}")) for n in (1, 2, 3)]
    first = run(server, clock, tmp_path, "binance-archive", METRICS)
    assert [p.read_bytes() for p in first.files] == contents
    assert first.fresh == first.files
    beside = first.files[0].with_name(first.files[0].name + ".CHECKSUM").read_text()
    assert beside.split() == [
        hashlib.sha256(contents[0]).hexdigest(),
        first.files[0].name,
    ]
    server.seen.clear()
    second = run(server, clock, tmp_path, "binance-archive", METRICS)
    assert (second.files, second.fresh, server.seen) == (first.files, [], [])


def test_a_finished_file_that_was_damaged_since_is_fetched_anew(
    server, clock, tmp_path
):
    content = put(server, metrics("2024-08-01"))
    asked = wanted("binance:BTC-USDT", stop="2024-08-02", data=("metrics",))
    (path,) = run(server, clock, tmp_path, "binance-archive", asked).files
    path.write_bytes(b"x" + content[1:])
    assert run(server, clock, tmp_path, "binance-archive", asked).fresh == [path]
    assert path.read_bytes() == content


def test_missing_days_are_named_and_do_not_stop_the_rest(server, clock, tmp_path):
    put(server, metrics("2024-08-03"))
    found = run(server, clock, tmp_path, "binance-archive", METRICS)
    assert found.missing == [metrics("2024-08-01"), metrics("2024-08-02")]
    assert [p.name for p in found.files] == ["BTCUSDT-metrics-2024-08-03.zip"]
    assert not list((tmp_path / "local").rglob("*.part"))


def test_a_cut_connection_goes_on_where_it_was(server, clock, tmp_path):
    path = metrics("2024-08-01")
    content = put(server, path, size=2_000_000)
    server.faults = [Fault(kind="cut", path=path, after=700_000, times=2)]
    asked = wanted("binance:BTC-USDT", stop="2024-08-02", data=("metrics",))
    found = run(server, clock, tmp_path, "binance-archive", asked)
    assert found.files[0].read_bytes() == content
    ranges = [s.headers.get("Range") for s in server.seen if s.path.endswith(".zip")]
    assert ranges[0] is None
    assert [int(r.removeprefix("bytes=")[:-1]) for r in ranges[1:]] == [
        700_000,
        1_400_000,
    ]


def test_a_run_that_was_stopped_is_resumed_by_the_next(server, clock, tmp_path):
    path = metrics("2024-08-01")
    content = put(server, path, size=2_000_000)
    server.faults = [Fault(kind="cut", path=path, after=100_000, times=99)]
    asked = wanted("binance:BTC-USDT", stop="2024-08-02", data=("metrics",))
    with pytest.raises(FetchError, match="broke the connection"):
        run(server, clock, tmp_path, "binance-archive", asked)
    part = tmp_path / "local" / (path + ".part")
    assert part.stat().st_size == 600_000
    server.faults = []
    server.seen.clear()
    assert (
        run(server, clock, tmp_path, "binance-archive", asked).files[0].read_bytes()
        == content
    )
    assert server.seen[0].headers["Range"] == "bytes=600000-"
    assert not part.exists()


def test_a_part_that_is_already_whole_is_only_checked(server, clock, tmp_path):
    path = metrics("2024-08-01")
    content = put(server, path)
    part = tmp_path / "local" / (path + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    asked = wanted("binance:BTC-USDT", stop="2024-08-02", data=("metrics",))
    assert (
        run(server, clock, tmp_path, "binance-archive", asked).files[0].read_bytes()
        == content
    )
    assert [s.headers.get("Range") for s in server.seen] == [
        f"bytes={len(content)}-",
        None,
    ]


def test_a_server_without_ranges_begins_anew(tmp_path, clock):
    with HistoryServer(tmp_path / "remote", ranges=False) as server:
        path = metrics("2024-08-01")
        content = put(server, path, size=2_000_000)
        server.faults = [Fault(kind="cut", path=path, after=700_000)]
        asked = wanted("binance:BTC-USDT", stop="2024-08-02", data=("metrics",))
        found = run(server, clock, tmp_path, "binance-archive", asked)
    assert found.files[0].read_bytes() == content
    assert [p.endswith(".zip") for p in paths(server)] == [True, True, False]


def test_a_part_of_an_older_file_fails_its_checksum_and_is_fetched_anew(
    server, clock, tmp_path
):
    path = metrics("2024-08-01")
    content = put(server, path)
    part = tmp_path / "local" / (path + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"older" * 100)
    asked = wanted("binance:BTC-USDT", stop="2024-08-02", data=("metrics",))
    assert (
        run(server, clock, tmp_path, "binance-archive", asked).files[0].read_bytes()
        == content
    )


def test_a_wrong_checksum_is_told_and_nothing_of_the_file_is_kept(
    server, clock, tmp_path
):
    for day in ("2024-08-01", "2024-08-02", "2024-08-03"):
        put(server, metrics(day))
    server.faults = [Fault(kind="checksum", path="2024-08-02", times=9)]
    found = run(server, clock, tmp_path, "binance-archive", METRICS)
    assert [p.name[-14:] for p in found.files] == ["2024-08-01.zip", "2024-08-03.zip"]
    (error,) = found.failed
    assert "sha256" in str(error)
    assert "2024-08-02" in str(error)
    left = {p.name for p in (tmp_path / "local").rglob("*2024-08-02*")}
    assert left == set()


def test_whole_months_come_as_one_file_and_as_days_where_there_is_none(
    server, clock, tmp_path
):
    def trades(period: str, stamp: str) -> str:
        return f"futures/um/{period}/aggTrades/BTCUSDT/BTCUSDT-aggTrades-{stamp}.zip"

    put(server, trades("monthly", "2024-02"))
    for day in range(1, 32):
        put(server, trades("daily", f"2024-03-{day:02}"), size=64)
    put(server, trades("daily", "2024-01-31"))
    asked = wanted(
        "binance:BTC-USDT", start="2024-01-31", stop="2024-04-01", data=("aggTrades",)
    )
    found = run(server, clock, tmp_path, "binance-archive", asked)
    names = [p.name[-14:-4] for p in found.files]
    assert names[:3] == ["2024-01-31", "es-2024-02", "2024-03-01"]
    assert len(names) == 1 + 1 + 31
    assert found.missing == []


@pytest.mark.parametrize(
    ("scope", "more", "path"),
    [
        (
            "binance:BTC-USD", {"data": ("liquidationSnapshot",)},
            "futures/cm/daily/liquidationSnapshot/BTCUSD_PERP/BTCUSD_PERP-liquidationSnapshot-2024-08-01.zip",
        ),
        (
            "binance:BTC-USDC", {"data": ("aggTrades",), "spot": True},
            "spot/daily/aggTrades/BTCUSDC/BTCUSDC-aggTrades-2024-08-01.zip",
        ),
        (
            "binance:BTC-USDT", {"data": ("markPriceKlines",), "bar": 5 * 60 * SECOND},
            "futures/um/daily/markPriceKlines/BTCUSDT/5m/BTCUSDT-5m-2024-08-01.zip",
        ),
        (
            "binance:ETH-USDT", {"data": ("fundingRate",)},
            "futures/um/monthly/fundingRate/ETHUSDT/ETHUSDT-fundingRate-2024-08.zip",
        ),
    ],
)  # fmt: skip
def test_archive_paths_are_those_of_the_archive(scope, more, path):
    asked = wanted(scope, stop="2024-08-02", **more)
    assert [r.path for r in find_source("binance-archive").plan(asked)] == [
        "/data/" + path
    ]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (wanted("binance:BTC-USDT"), "--data"),
        (wanted("binance:BTC", data=("metrics",)), "binance:BTC-USDT"),
        (wanted("okx:BTC-USDT", data=("metrics",)), "not for okx"),
        (wanted("binance:BTC-USDT", data=("klines",)), "--bar 1m"),
        (wanted("binance:BTC-USDT", data=("metric",)), "Did you mean metrics"),
        (wanted("binance:BTC-USDT", data=("metrics",), spot=True), "for spot"),
        (wanted(data=("metrics",)), "--scope"),
    ],
)
def test_archive_wishes_that_cannot_be_are_explained(asked, reason):
    with pytest.raises(UsageError, match=reason):
        find_source("binance-archive").plan(asked)


# Patience


def test_retry_after_is_obeyed_in_seconds_and_as_a_date(server, clock, tmp_path):
    server.answers["/v1/liquidation-history"] = (
        VENDORS / "coinalyze_usd_daily.json"
    ).read_bytes()
    date = format_datetime(to_datetime(NOW + 47 * SECOND), usegmt=True)
    server.faults = [
        Fault(kind="status", status=429, headers={"Retry-After": "7"}),
        Fault(kind="status", status=503, headers={"Retry-After": date}),
    ]
    asked = wanted("binance:BTC-USDT")
    assert len(run(server, clock, tmp_path, "coinalyze", asked).files) == 1
    assert clock.slept == [7.0, 40.0]


@pytest.mark.parametrize("text", ["", "soon", "Wed, 99 Foo 2024", "-5", "1.5", "٣"])
def test_a_retry_after_that_says_nothing_is_passed_over(text):
    assert retry_after(text, NOW) is None


def test_a_date_that_has_passed_asks_for_no_pause():
    assert retry_after("Mon, 01 Jan 2024 00:00:00 GMT", NOW) == 0


def test_pauses_grow_and_patience_ends(server, clock, tmp_path):
    put(server, metrics("2024-08-01"))
    server.faults = [Fault(kind="status", status=503, times=99)]
    with pytest.raises(FetchError, match=r"answered 503, 6 times.*kept"):
        run(server, clock, tmp_path, "binance-archive", METRICS)
    assert len(server.seen) == 6
    assert len(clock.slept) == 5
    assert all(2**n <= s <= 2**n + 1 for n, s in enumerate(clock.slept))


def test_a_server_that_asks_for_hours_is_not_waited_for(server, clock, tmp_path):
    server.faults = [Fault(kind="status", status=429, headers={"Retry-After": "7200"})]
    with pytest.raises(FetchError, match="come back in 2h"):
        run(server, clock, tmp_path, "binance-archive", METRICS)
    assert clock.slept == []


def test_a_silent_server_is_asked_again(server, clock, tmp_path):
    content = put(server, metrics("2024-08-01"))
    server.faults = [Fault(kind="silent")]
    found = run(server, clock, tmp_path, "binance-archive", METRICS)
    assert found.files[0].read_bytes() == content


def test_no_server_at_all_is_told(clock, tmp_path):
    with HistoryServer() as gone:
        pass
    with pytest.raises(FetchError, match="broke the connection"):
        run(gone, clock, tmp_path, "binance-archive", METRICS)


def test_coinalyze_keeps_to_forty_calls_a_minute_counting_symbols(
    server, clock, tmp_path
):
    server.answers["/v1/liquidation-history"] = (
        VENDORS / "coinalyze_usd_daily.json"
    ).read_bytes()
    symbols = tuple(f"X{n:02}USDT_PERP.A" for n in range(70))
    made = []
    server.answers["/v1/liquidation-history"] = lambda params: (
        made.append((clock.now, params["symbols"].count(",") + 1))
        or (VENDORS / "coinalyze_usd_daily.json").read_bytes()
    )
    run(server, clock, tmp_path, "coinalyze", wanted(symbols=symbols))
    assert [cost for _, cost in made] == [20, 20, 20, 10]
    for at, _ in made:
        window = [cost for then, cost in made if at - 60 * SECOND < then <= at]
        assert sum(window) <= 40
    assert sum(clock.slept) == 60


# Keys


def test_the_key_is_sent_and_never_written(server, clock, tmp_path, capfd):
    server.answers["/v1/liquidation-history"] = json.dumps(
        [
            {
                "symbol": "BTCUSDT_PERP.A",
                "history": [{"t": 1, "l": 1, "s": 1}],
                "echo": KEY,
            }
        ]
    ).encode()
    run(server, clock, tmp_path, "coinalyze", wanted("binance:BTC-USDT"))
    assert server.seen[0].headers["api_key"] == KEY
    assert KEY not in str(server.seen[0].params)
    for path in tmp_path.rglob("*"):
        assert KEY not in str(path)
        assert path.is_dir() or KEY.encode() not in path.read_bytes()
    assert KEY not in "".join(capfd.readouterr())


def test_a_refused_key_is_told_without_saying_it(server, clock, tmp_path):
    body = f'{{"message":"Invalid API key {KEY}"}}'.encode()
    server.faults = [Fault(kind="status", status=401, body=body)]
    with pytest.raises(FetchError, match=r"401.*COINALYZE_API_KEY") as caught:
        run(server, clock, tmp_path, "coinalyze", wanted("binance:BTC-USDT"))
    assert KEY not in str(caught.value)
    assert len(server.seen) == 1


@pytest.mark.parametrize("key", ["", "  ", "two words", "new\nline", "kéy"])
def test_a_key_that_is_none_is_asked_for_without_saying_it(clock, tmp_path, key):
    with pytest.raises(UsageError, match="COINGLASS_API_KEY") as caught:
        fetch(
            find_source("coinglass"), wanted("binance:BTC"), tmp_path, clock.machine(),
            environment={"COINGLASS_API_KEY": key},
        )  # fmt: skip
    assert not key.strip() or key not in str(caught.value)


def test_a_key_is_not_carried_to_another_host(server, clock, tmp_path):
    with HistoryServer() as other:
        server.faults = [
            Fault(kind="status", status=302, headers={"Location": other.url + "/take"})
        ]
        with pytest.raises(FetchError, match="302"):
            run(server, clock, tmp_path, "coinglass", wanted("binance:BTC"))
        assert other.seen == []


# Vendors


def test_coinalyze_asks_in_seconds_for_usd(server, clock, tmp_path):
    server.answers["/v1/liquidation-history"] = (
        VENDORS / "coinalyze_usd_daily.json"
    ).read_bytes()
    asked = wanted("binance:BTC-USDT", "bybit:BTC-USD")
    (path,) = run(server, clock, tmp_path, "coinalyze", asked).files
    assert server.seen[0].params == {
        "symbols": "BTCUSD.6,BTCUSDT_PERP.A", "interval": "daily",
        "from": "1722470400", "to": "1722729599", "convert_to_usd": "true",
    }  # fmt: skip
    kept = json.loads(path.read_text())
    assert kept["answer"][0]["symbol"] == "BTCUSDT_PERP.A"
    assert (kept["source"], kept["fetched_at"]) == ("coinalyze", "2025-01-01T00:00:00Z")


def test_coinglass_asks_for_a_thousand_bars_at_a_time(server, clock, tmp_path):
    body = (VENDORS / "coinglass_coin.json").read_bytes()
    server.answers["/api/futures/liquidation/aggregated-history"] = body
    asked = wanted("binance:BTC", start="2024-01-01", stop="2024-12-01", bar=4 * HOUR)
    found = run(server, clock, tmp_path, "coinglass", asked)
    assert len(found.files) == 3
    stretches = [
        (int(s.params["start_time"]), int(s.params["end_time"])) for s in server.seen
    ]
    assert stretches[0][0] * 1000 == parse_time("2024-01-01")
    assert stretches[-1][1] * 1000 + 1000 == parse_time("2024-12-01")
    assert all(b[0] == a[1] + 1 for a, b in pairwise(stretches))
    assert server.seen[0].params["exchange_list"] == "Binance"
    assert server.seen[0].headers["CG-API-KEY"] == KEY


@pytest.mark.parametrize(
    ("scope", "symbol"),
    [
        ("binance:BTC-USDT", "BTCUSDT"),
        ("binance:BTC-USD", "BTCUSD_PERP"),
        ("okx:BTC-USDT", "BTC-USDT-SWAP"),
    ],
)
def test_coinglass_pairs_go_to_the_other_endpoint(scope, symbol):
    (request,) = find_source("coinglass").plan(wanted(scope))
    assert request.path == "/api/futures/liquidation/history"
    assert request.params["symbol"] == symbol


def test_coinglass_error_inside_a_good_answer_is_an_error_and_keeps_nothing(
    server, clock, tmp_path
):
    path = "/api/futures/liquidation/aggregated-history"
    server.answers[path] = b'{"code":"401","msg":"Upgrade plan"}'
    with pytest.raises(FetchError, match="401: Upgrade plan") as caught:
        run(server, clock, tmp_path, "coinglass", wanted("binance:BTC"))
    assert caught.value.exit_code == 6
    assert [p for p in (tmp_path / "local").rglob("*") if p.is_file()] == []


def test_coinglass_too_many_calls_inside_a_good_answer_is_asked_again(
    server, clock, tmp_path
):
    answers = [
        b'{"code":"429","msg":"Too Many Requests"}',
        (VENDORS / "coinglass_coin.json").read_bytes(),
    ]
    path = "/api/futures/liquidation/aggregated-history"
    server.answers[path] = lambda _: answers.pop(0)
    assert run(server, clock, tmp_path, "coinglass", wanted("binance:BTC")).files
    assert len(clock.slept) == 1


def test_cryptoquant_pages_back_from_the_newest(server, clock, tmp_path):
    def page(params):
        newest = parse_time(
            f"{params['to'][:4]}-{params['to'][4:6]}-{params['to'][6:8]}"
        )
        oldest = parse_time("2020-01-01")
        count = min(int(params["limit"]), (newest - oldest) // DAY + 1)
        data = [
            {
                "date": str(to_datetime(newest - n * DAY).date()),
                "long_liquidations_usd": 10 + n, "short_liquidations_usd": 5,
            }
            for n in range(count)
        ]  # fmt: skip
        status = {"code": 200, "message": "success"}
        return json.dumps(
            {"status": status, "result": {"window": "day", "data": data}}
        ).encode()

    server.answers["/v1/btc/market-data/liquidations"] = page
    asked = wanted("binance:BTC", start="2020-01-01", stop="2025-01-01")
    found = run(server, clock, tmp_path, "cryptoquant", asked)
    days = [
        row["date"]
        for path in found.files
        for row in json.loads(path.read_text())["answer"]["result"]["data"]
    ]
    assert len(days) == len(set(days)) == 1827
    assert (max(days), min(days)) == ("2024-12-31", "2020-01-01")
    assert server.seen[0].headers["Authorization"] == f"Bearer {KEY}"
    assert len(run(server, clock, tmp_path, "cryptoquant", asked).files) == 2
    assert len(server.seen) == 2


def test_a_page_instead_of_json_is_an_error(server, clock, tmp_path):
    server.answers["/v1/liquidation-history"] = b"<html>Busy</html>"
    with pytest.raises(FetchError, match="expected JSON"):
        run(server, clock, tmp_path, "coinalyze", wanted("binance:BTC-USDT"))


def test_an_answer_with_nothing_in_it_is_missing_and_not_kept(server, clock, tmp_path):
    server.answers["/v1/liquidation-history"] = b"[]"
    found = run(server, clock, tmp_path, "coinalyze", wanted("binance:BTC-USDT"))
    assert found.files == []
    assert len(found.missing) == 1


@pytest.mark.parametrize(
    ("name", "asked", "reason"),
    [
        ("coinalyze", wanted("binance:BTC"), "binance:BTC-USDT"),
        ("coinalyze", wanted("all:BTC-USDT"), "too wide"),
        ("coinalyze", wanted("gate:BTC-USDT"), "no exchange of Coinalyze"),
        ("coinalyze", wanted("binance:BTC-USDT", bar=3 * HOUR), "no bars of 3h"),
        ("coinalyze", wanted("binance:BTC-USDT", stop="2024-08-01"), "no whole bar"),
        ("coinglass", wanted("binance:BTC", bar=2 * HOUR), "no bars of 2h"),
        ("coinglass", wanted("gate:BTC-USDT"), "gate:BTC"),
        ("cryptoquant", wanted("binance:BTC", bar=4 * HOUR), "--bar 1d, 1h or 1m"),
    ],
)
def test_vendor_wishes_that_cannot_be_are_explained(name, asked, reason):
    with pytest.raises(UsageError, match=reason):
        find_source(name).plan(asked)


def test_an_unknown_source_names_the_nearest():
    with pytest.raises(UnknownName, match="coinalyze"):
        find_source("coinalyse")
    assert sorted(sources()) == [
        "binance-archive",
        "coinalyze",
        "coinglass",
        "cryptoquant",
    ]


# Disk


def test_a_folder_that_cannot_be_written_is_told(server, clock, tmp_path):
    put(server, metrics("2024-08-01"))
    (tmp_path / "local").write_text("a file")
    with pytest.raises(FetchError, match="local"):
        run(server, clock, tmp_path, "binance-archive", METRICS)


def test_a_full_disk_keeps_what_arrived(server, clock, tmp_path, monkeypatch):
    import os

    put(server, metrics("2024-08-01"))

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FetchError, match="disk is full"):
        run(server, clock, tmp_path, "binance-archive", METRICS)
    assert list((tmp_path / "local").rglob("*.part"))
    assert not list((tmp_path / "local").rglob("*.zip"))


# The command


def call(server, tmp_path, *words: str, env: dict[str, str] | None = None):
    return CliRunner().invoke(
        command,
        [*words, "--base-url", server.url, "--into", str(tmp_path / "down"),
         "--lake", str(tmp_path / "lake")],
        env={**KEYS, "NO_PROXY": "127.0.0.1", **(env or {})},
    )  # fmt: skip


def test_the_command_fetches_and_imports(server, tmp_path):
    import washout

    body = (VENDORS / "coinalyze_usd_daily.json").read_bytes()
    server.answers["/v1/liquidation-history"] = body
    words = (
        "coinalyze", "--scope", "binance:BTC-USDT", "--from", "2024-08-04",
        "--to", "2024-08-06", "--import", "--json",
    )  # fmt: skip
    done = call(server, tmp_path, *words)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert len(said["fresh"]) == len(said["imported"]) == 1
    lake = washout.open(tmp_path / "lake")
    found = lake.view("liquidations", scope="binance:BTC-USDT").rows()
    assert [row["long_usd"] for row in found] == [30000000.5, 80000000]
    again = json.loads(call(server, tmp_path, *words).stdout)
    assert (again["fresh"], len(again["files"])) == ([], 1)


def test_the_command_says_when_there_is_nothing(server, tmp_path):
    done = call(
        server, tmp_path, "binance-archive", "--data", "metrics",
        "--scope", "binance:BTC-USDT", "--from", "2024-08-01", "--to", "2024-08-03",
    )  # fmt: skip
    assert isinstance(done.exception, NoData)
    assert "2 the server does not have" in done.output
    assert metrics("2024-08-01") in done.output


def test_the_base_url_can_come_from_the_environment(server, tmp_path):
    put(server, metrics("2024-08-01"))
    done = CliRunner().invoke(
        command,
        ["binance-archive", "--data", "metrics", "--scope", "binance:BTC-USDT", "--from",
         "2024-08-01", "--to", "2024-08-02", "--into", str(tmp_path / "down")],
        env={"WASHOUT_BINANCE_ARCHIVE_URL": server.url, "NO_PROXY": "127.0.0.1"},
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "1 fetched, 0 were there already" in done.output


def test_a_base_url_without_http_is_refused(clock, tmp_path):
    with pytest.raises(UsageError, match="--base-url"):
        fetch(
            find_source("binance-archive"), METRICS, tmp_path, clock.machine(),
            base_url="ftp://example.org",
        )  # fmt: skip
