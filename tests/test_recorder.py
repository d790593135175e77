"""The recorder against exchanges on this machine, end to end."""

from __future__ import annotations

import asyncio

from _recording import Told, facts, fake_exchange, gaps, observed, recording, settings, until
from _venue import run

from washout.testing.exchange_faults import Fault
from washout.testing.exchange_ledger import compare


@run
async def test_what_two_venues_print_is_stored_once_and_whole(tmp_path):
    told = Told()
    with fake_exchange(["binance", "bybit"]) as fake:
        made = settings(tmp_path, fake, "binance:BTC", "bybit:BTC")
        async with recording(made, fake.now, told) as recorder:
            await observed(recorder)
            start = fake.now()
            await asyncio.sleep(3.0)
            stop = fake.now()
            await asyncio.sleep(0.3)
    wanted = [f for f in facts(told.rows("liquidation"))]
    found = compare(fake.ledger, wanted, gaps(told.rows("gap")), start=start, stop=stop)
    print(str(found)[:1000])
    print({k: sum(t.num_rows for t in v) for k, v in told.tables.items()})
    assert 0
