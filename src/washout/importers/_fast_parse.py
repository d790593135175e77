"""aggTrades text to columns: eight bytes at a time, every byte checked.

A chunk of text is seen twice: as bytes, and as one 64-bit word starting at each byte.
Eight digits are checked and read by a handful of integer operations on a word
(D. Lemire, "Quickly parsing eight digits", 2022). Lengths of the last row are tried
first for the next one, since ids, times and prices hardly change their number of
digits.

A row that does not fit stops the parser at its first byte; `_fast_trades` then reads
that one line slowly and says what is wrong with it. All integers are unsigned here:
Numba turns sums of signed and unsigned ones into floats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

U = np.uint64
Words = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

MARGIN = 256
"""Bytes that must follow the last parsed row, so that whole words can be read."""

ID, FIRST, LAST, TIME, PRICE_WHOLE, PRICE_PART, SIZE_WHOLE, SIZE_PART = range(8)
"""Places in `lengths`: digits of each field in the row before."""

FIT, FULL, STRANGE = 0, 1, 2
"""How parsing ended: at the end of the text, of the columns, or at a strange row."""

_SPREAD = 0x0101010101010101
_ONES, _HIGHS = U(_SPREAD), U(0x80 * _SPREAD)
_COMMAS, _DOTS = U(ord(",") * _SPREAD), U(ord(".") * _SPREAD)
_THREES, _SIXES, _NIBBLE = U(0x33 * _SPREAD), U(0x06 * _SPREAD), U(0xF0 * _SPREAD)
_LOW_NIBBLE, _LOWER = U(0x0F * _SPREAD), U(0x20 * _SPREAD)
_PAIR, _QUAD = U(0x00FF00FF00FF00FF), U(0x0000FFFF0000FFFF)
_BY_10, _BY_100, _BY_10000 = U(2561), U(6553601), U(42949672960001)
_TRUE, _FALSE = U(0x65757274), U(0x65736C6166)
_FOUR_BYTES, _FIVE_BYTES = U(0xFFFFFFFF), U(0xFFFFFFFFFF)
_COMMA, _DOT, _NEWLINE, _RETURN = U(ord(",")), U(ord(".")), U(10), U(13)
_0, _1, _2, _4, _5, _6, _8, _16 = U(0), U(1), U(2), U(4), U(5), U(6), U(8), U(16)
_32, _56, _LONGEST = U(32), U(56), U(19)

_SHIFT = np.array([0, *(64 - 8 * k for k in range(1, 9))], np.uint64)
_ZEROS = np.array(
    [0, *((0x30 * _SPREAD) >> (8 * k) for k in range(1, 8)), 0], np.uint64
)
"""What makes `k` digits eight, with leading zeros: a shift, and the zeros."""
_BELOW = np.array([(1 << (8 * k)) - 1 for k in range(8)], np.uint64)
POWER = np.array([10**k for k in range(20)], np.uint64)
_POWER_FLOAT = np.array([10.0**k for k in range(20)], np.float64)
_EXACT = U(2**53)
_CAREFUL = 9e18
_MILLION = U(1_000_000)

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function once for all processes; it runs without the GIL."""
    made: Function = njit(cache=True, nogil=True, error_model="numpy")(function)
    return made


def inlined(function: Function) -> Function:
    """The same for a part of a loop: a call would cost more than what it does."""
    made: Function = njit(
        cache=True, nogil=True, error_model="numpy", forceinline=True
    )(function)
    return made


def as_words(text: bytes) -> tuple[Bytes, Words]:
    """The bytes, and the 64-bit word that starts at each of them but the last seven."""
    count = max(len(text) - 7, 0)
    words: Words = np.ndarray((count,), np.dtype("<u8"), text, 0, (1,))
    return np.frombuffer(text, np.uint8), words


@inlined
def _strange(word: Any) -> Any:
    """0 if all eight bytes are digits."""
    return ((word & _NIBBLE) | (((word + _SIXES) & _NIBBLE) >> _4)) ^ _THREES


@inlined
def _eight(word: Any) -> Any:
    """The number that eight digits write."""
    word = ((word & _LOW_NIBBLE) * _BY_10) >> _8
    word = ((word & _PAIR) * _BY_100) >> _16
    return ((word & _QUAD) * _BY_10000) >> _32


@inlined
def _where(word: Any, wanted: Any) -> Any:
    """Index of the first byte of `word` that is the one `wanted` repeats, or 8."""
    rest = word ^ wanted
    hit = (rest - _ONES) & ~rest & _HIGHS
    if hit == _0:
        return _8
    return (((hit ^ (hit - _1)) & _ONES) * _ONES >> _56) - _1


@inlined
def _length(buffer: Bytes, at: Any, guess: Any) -> Any:
    """Bytes up to the next comma, at most 16, else 0; tries `guess` first.

    A guess that holds lets the processor go on to the next field at once.
    """
    if buffer[at + guess] == _COMMA:
        return guess
    return _scan(buffer, at, _COMMA, _16)


@inlined
def _scan(buffer: Bytes, at: Any, wanted: Any, most: Any) -> Any:
    """Bytes before the first `wanted`, or 0 if that is more than `most`."""
    length = _0
    while length <= most and buffer[at + length] != wanted:
        length += _1
    return length if length <= most else _0


@inlined
def _lead(words: Words, at: Any, length: Any) -> Any:
    """The first eight digits, or all with zeros before them, as a word."""
    if length < _8:
        return (words[at] << _SHIFT[length]) | _ZEROS[length]
    return words[at]


@inlined
def _rest(words: Words, at: Any, length: Any) -> Any:
    """(what digits 9 to 16 write, 0 if they are digits, what the lead counts)."""
    if length <= _8:
        return _0, _0, _1
    more = length - _8
    word = (words[at + _8] << _SHIFT[more]) | _ZEROS[more]
    return _eight(word), _strange(word), POWER[more]


@inlined
def _odd_rest(words: Words, at: Any, length: Any) -> Any:
    """0 if digits 9 to 16 are digits."""
    return _strange(words[at + length - _8]) if length > _8 else _0


@inlined
def _short(word: Any, comma: Any) -> Any:
    """(mantissa, decimals, 0 if fine) of a decimal that ends at byte `comma` < 8."""
    dot = _where(word, _DOTS)
    if dot > comma:
        digits, decimals = comma, _0
    else:
        digits, decimals = comma - _1, comma - dot - _1
        word = (word & _BELOW[dot]) | ((word >> _8) & ~_BELOW[dot])
        if not dot or not decimals:
            return _0, _0, _1
    if digits == _0:
        return _0, _0, _1
    word = (word << _SHIFT[digits]) | _ZEROS[digits]
    return _eight(word), decimals, _strange(word)


@inlined
def _long(buffer: Bytes, words: Words, at: Any, whole: Any, part: Any) -> Any:
    """(mantissa, digits before and after the dot, 0 if fine) of a longer decimal."""
    if (
        part == _0
        or buffer[at + whole] != _DOT
        or buffer[at + whole + _1 + part] != _COMMA
    ):
        length = _scan(buffer, at, _COMMA, _LONGEST)
        whole = _scan(buffer, at, _DOT, length)
        if whole == _0:
            whole = length
        part = length - whole - _1 if whole < length else _0
        if whole == _0 or whole > _16 or part > _8 or length > _LONGEST:
            return _0, _0, _0, _1
        if whole < length and part == _0:
            return _0, _0, _0, _1
    lead = _lead(words, at, whole)
    low, odd, by = _rest(words, at, whole)
    strange = _strange(lead) | odd
    left = _eight(lead) * by + low
    if part == _0:
        return left, whole, part, strange
    lead = _lead(words, at + whole + _1, part)
    return left * POWER[part] + _eight(lead), whole, part, strange | _strange(lead)


@inlined
def _bare(mantissa: Any, decimals: Any) -> Any:
    """The same number without trailing zeros."""
    while decimals > _0 and mantissa % U(10) == _0:
        mantissa //= U(10)
        decimals -= _1
    return mantissa, decimals


@inlined
def _rounded(product: Any, decimals: Any) -> Any:
    """`product / 10**decimals`, half to even, exactly."""
    if product < _EXACT:  # below 2**53 a division cannot land on a tie by rounding
        return np.int64(np.rint(np.float64(product) / _POWER_FLOAT[decimals]))
    whole = product // POWER[decimals]
    twice = (product - whole * POWER[decimals]) * _2
    if twice > POWER[decimals] or (twice == POWER[decimals] and (whole & _1) == _1):
        whole += _1
    return np.int64(whole)


@inlined
def to_cents(price: Any, price_decimals: Any, size: Any, size_decimals: Any) -> Any:
    """Price times size in cents, half to even: exact unless it has over 18 digits."""
    if price_decimals >= _6 and price % _MILLION == _0:
        price //= _MILLION
        price_decimals -= _6
    if _large(price, price_decimals, size, size_decimals):
        price, price_decimals = _bare(price, price_decimals)
        size, size_decimals = _bare(size, size_decimals)
        if _large(price, price_decimals, size, size_decimals):
            usd = (np.float64(price) / _POWER_FLOAT[price_decimals]) * (
                np.float64(size) / _POWER_FLOAT[size_decimals]
            )
            return np.int64(np.rint(usd * 100.0))
    decimals = price_decimals + size_decimals
    if decimals < _2:
        return np.int64(price * size * POWER[_2 - decimals])
    return _rounded(price * size, decimals - _2)


@inlined
def _large(price: Any, price_decimals: Any, size: Any, size_decimals: Any) -> Any:
    """Whether the product leaves 63 bits."""
    wide = np.float64(price) * np.float64(size) > _CAREFUL / 100.0
    return wide or price_decimals + size_decimals > _16


@inlined
def _flag(word: Any) -> Any:
    """(1 for true, its length; 0 if it is neither true nor false)."""
    word |= _LOWER
    true = U((word & _FOUR_BYTES) == _TRUE)
    false = U((word & _FIVE_BYTES) == _FALSE)
    # no branch: takers' sides are unpredictable
    return true, _4 * true + _5 * false


@compiled
def parse(  # noqa: C901, PLR0912, PLR0915  one loop: a call per field costs half its speed
    buffer: Bytes, words: Words, at: Any, stop: Any, wide: Any, contract: Any,
    scale: Any, lengths: Words, ids: Any, times: Any, prices: Any, sizes: Any,
    cents: Any, sells: Any,
) -> Any:  # fmt: skip
    """Parse the rows of `buffer[at:stop]` into columns: (rows, next byte, how it ended).

    `wide` rows have a column more; `contract` is the USD size of a contract of which
    quantities are a number, or 0 for quantities of the base asset; `scale` turns
    stamps into microseconds. `lengths` is carried from call to call.
    """
    row, room, retried = _0, U(len(ids)), False
    l_id, l_first, l_last, l_time = lengths[0], lengths[1], lengths[2], lengths[3]
    p_whole, p_part, s_whole, s_part = lengths[4], lengths[5], lengths[6], lengths[7]
    id_lead = time_lead = first_lead = last_lead = id_high = time_high = _0
    l_price = l_size = _0
    status = FIT
    while at < stop:
        if row == room:
            status = FULL
            break
        here = at
        l_id = _length(buffer, here, l_id)
        strange, lead = _0, _lead(words, here, l_id)
        if lead != id_lead:
            strange, id_lead, id_high = _strange(lead), lead, _eight(lead)
        low, odd, by = _rest(words, here, l_id)
        strange |= odd
        number = id_high * by + low
        here += l_id + _1
        l_price = _length(buffer, here, l_price)
        if _0 < l_price < _8:
            price, p_decimals, odd = _short(words[here], l_price)
            here += l_price + _1
        else:
            price, p_whole, p_part, odd = _long(buffer, words, here, p_whole, p_part)
            p_decimals = p_part
            here += p_whole + p_part + (_2 if p_part else _1)
        strange |= odd
        l_size = _length(buffer, here, l_size)
        if _0 < l_size < _8:
            size, s_decimals, odd = _short(words[here], l_size)
            here += l_size + _1
        else:
            size, s_whole, s_part, odd = _long(buffer, words, here, s_whole, s_part)
            s_decimals = s_part
            here += s_whole + s_part + (_2 if s_part else _1)
        strange |= odd
        l_first = _length(buffer, here, l_first)
        lead = _lead(words, here, l_first)
        if lead != first_lead:
            strange |= _strange(lead)
            first_lead = lead
        strange |= _odd_rest(words, here, l_first)
        here += l_first + _1
        l_last = _length(buffer, here, l_last)
        lead = _lead(words, here, l_last)
        if lead != last_lead:
            strange |= _strange(lead)
            last_lead = lead
        strange |= _odd_rest(words, here, l_last)
        here += l_last + _1
        if buffer[here + l_time] != _COMMA:
            strange |= _1
        lead = _lead(words, here, l_time)
        if lead != time_lead:
            strange |= _strange(lead)
            time_lead, time_high = lead, _eight(lead)
        low, odd, by = _rest(words, here, l_time)
        strange |= odd
        time = time_high * by + low
        here += l_time + _1
        sold, length = _flag(words[here])
        here += length
        if wide:
            if buffer[here] != _COMMA or length == _0:
                strange |= _1
            _best, length = _flag(words[here + _1])
            here += length + _1
        if buffer[here] == _RETURN:
            here += _1
        if strange or length == _0 or buffer[here] != _NEWLINE:
            if retried:
                status = STRANGE
                break
            retried = True
            l_id = l_first = l_last = l_price = l_size = p_part = s_part = _0
            id_lead = time_lead = first_lead = last_lead = _0
            continue
        retried = False
        at = here + _1
        ids[row] = number
        times[row] = time * scale
        prices[row] = np.float64(price) / _POWER_FLOAT[p_decimals]
        if contract:
            size *= contract
            cents[row] = to_cents(size, s_decimals, _1, _0)
            sizes[row] = np.float64(size) / _POWER_FLOAT[s_decimals] / prices[row]
        else:
            cents[row] = to_cents(price, p_decimals, size, s_decimals)
            sizes[row] = np.float64(size) / _POWER_FLOAT[s_decimals]
        sells[row] = sold
        row += _1
    lengths[0], lengths[1], lengths[2], lengths[3] = l_id, l_first, l_last, l_time
    lengths[4], lengths[5], lengths[6], lengths[7] = p_whole, p_part, s_whole, s_part
    return row, at, status
