#!/bin/sh
# Import the whole collected record of Binance BTC into a new lake:
#   sh tools/real_record.sh DATA LAKE
# DATA is a folder with the tables of which src/washout/sample/PROVENANCE.md bundles a
# part: it adds 4 h liquidations, open interest, ratios and taker flow of all pairs.
set -eu
data=$1
export WASHOUT_LAKE=$2
washout=${WASHOUT:-.venv/bin/washout}
sample=$(dirname "$0")/../src/washout/sample

add() {
    "$washout" import "$@" --format csv
}

"$washout" import "$sample"/*.parquet
add "$data"/liquidations/binance_btc_4h_*.csv --source coinglass --scope binance:BTC \
    --bar 4h --map time=utc_open,long_usd=long_liq_usd,short_usd=short_liq_usd
add "$data"/open_interest/binance_btc_1d_*_usd.csv --source coinalyze --bar 1d \
    --scope binance:BTC-USDT --map time=utc_day,open_interest_usd=btcusdt_perp_usd,at=close
add "$data"/open_interest/binance_btc_1d_*_usd.csv --source coinalyze --bar 1d \
    --scope binance:BTC-USD --map time=utc_day,open_interest_usd=btcusd_perp_usd,at=close
add "$data"/open_interest/binance_btc_stablecoin_margined_4h_btc.csv --source coinglass \
    --bar 4h --scope binance:BTC-USDT --map time=utc_open,open_interest=close,at=close
add "$data"/open_interest/binance_btc_coin_margined_4h_usd.csv --source coinglass \
    --bar 4h --scope binance:BTC-USD --map time=utc_open,open_interest_usd=close,at=close
add "$data"/open_interest/binance_btcusdt_top_position_ratio_4h.csv --bar 4h \
    --source coinglass-ratios --scope binance:BTC-USDT \
    --map time=utc_open,top_position_ratio=top_position_long_short_ratio,at=close
add "$data"/taker_flow/binance_btc_futures_allpairs_4h_usd.csv --source coinglass \
    --bar 4h --scope binance:BTC \
    --map time=utc_open,buy_usd=aggregated_buy_volume_usd,sell_usd=aggregated_sell_volume_usd,product=perp
