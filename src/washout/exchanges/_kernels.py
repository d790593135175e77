"""Compiled loops over the bytes of frames. Loaded when many frames are read at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

TEXT, WHOLE, FLAG = 0, 1, 2
"""What stands in a slot: the inside of a JSON string, an integer, true or false."""

LONGEST = 40
"""Characters, as `_reading.LONGEST`."""

EXACT = 2**53
"""Integers below are exact as floats; so are powers of ten up to the 22nd."""

TRUE, FALSE = np.frombuffer(b"true", np.uint8), np.frombuffer(b"false", np.uint8)

PRINTABLE = np.array([32 <= byte < 127 and byte not in (34, 92) for byte in range(256)])
"""Bytes inside a JSON string that mean themselves: ASCII but for quote and backslash."""

TENS = np.array([10**n for n in range(19)], np.int64)
FLOAT_TENS = np.array([10.0**n for n in range(23)])


def compiled(function: Function) -> Function:
    """Compile on first use, and keep the result on disk."""
    made: Function = njit(cache=True, nogil=True, error_model="numpy")(function)
    return made


@compiled
def match(
    data: Any, wide: Any, bounds: Any, todo: Any, words: Any, masks: Any, cuts: Any,
    lengths: Any, kinds: Any, columns: Any, begins: Any, ends: Any,
) -> Any:  # fmt: skip
    """Which of the frames `todo` are the template's, and where their slots are.

    `data` holds frames from `bounds[i]` to `bounds[i + 1] - 1`, one byte apart, and
    `wide[at]` the eight bytes from `at` on. A piece of the template is `lengths` bytes
    long and stands in `words` from `cuts` on, eight bytes each, where `masks` says so;
    a slot of `kinds` is between each two. `begins` and `ends` (frames x `columns` of
    the slots, -1: not wanted) are filled in.
    """
    fits = np.zeros(len(todo), np.bool_)
    for number in range(len(todo)):
        frame = todo[number]
        at, stop = bounds[frame], bounds[frame + 1] - 1
        for piece in range(len(lengths)):
            if at + lengths[piece] > stop:
                at = -1
                break
            same = True
            for step in range(cuts[piece + 1] - cuts[piece]):
                word = cuts[piece] + step
                if wide[at + 8 * step] & masks[word] != words[word]:
                    same = False
                    break
            if not same:
                at = -1
                break
            at += lengths[piece]
            if piece == len(kinds):
                break
            begin, column = at, columns[piece]
            at = _slot(data, at, stop, kinds[piece])
            if at < 0:
                break
            if column >= 0:
                begins[frame, column] = begin
                ends[frame, column] = at
        fits[number] = at == stop
    return fits


@compiled
def _slot(data: Any, at: int, stop: int, kind: int) -> int:
    """Where a value of that kind ends that begins at `at`; -1 where none does.

    Texts are printable ASCII without escapes.
    """
    begin = at
    if kind == TEXT:
        while at < stop and PRINTABLE[data[at]]:
            at += 1
        return at
    if kind == WHOLE:
        while at < stop and 48 <= data[at] <= 57:
            at += 1
        size = at - begin
        simple = 0 < size <= 18 and (size == 1 or data[begin] != 48)
        return at if simple else -1
    while at < stop and 97 <= data[at] <= 122:
        at += 1
    return at if _flag(data, begin, at) else -1


@compiled
def _flag(data: Any, begin: int, end: int) -> bool:
    """Whether `true` or `false` stands there."""
    if end - begin != 4 and end - begin != 5:
        return False
    word = TRUE if end - begin == 4 else FALSE
    for step in range(end - begin):  # noqa: SIM110 (compiled)
        if data[begin + step] != word[step]:
            return False
    return True


@compiled
def wholes(data: Any, begins: Any, ends: Any) -> Any:
    """Integers of at most 18 digits."""
    found = np.empty(len(begins), np.int64)
    for row in range(len(begins)):
        value = 0
        for at in range(begins[row], ends[row]):
            value = value * 10 + (data[at] - 48)
        found[row] = value
    return found


@compiled
def flags(data: Any, begins: Any) -> Any:
    """Which of `true` and `false` are true."""
    found = np.empty(len(begins), np.bool_)
    for row in range(len(begins)):
        found[row] = data[begins[row]] == 116
    return found


@compiled
def either(data: Any, begins: Any, ends: Any, yes: Any, no: Any) -> Any:
    """1 where the text is `yes`, 0 where `no`, -1 where neither."""
    found = np.empty(len(begins), np.int8)
    for row in range(len(begins)):
        found[row] = -1
        for said in range(2):
            word = yes if said == 1 else no
            same = ends[row] - begins[row] == len(word)
            for step in range(len(word)):
                if not same or data[begins[row] + step] != word[step]:
                    same = False
                    break
            if same:
                found[row] = said
    return found


@compiled
def _decimal(data: Any, begin: int, end: int) -> Any:
    """A decimal as (digits without the point, places after it); -1 where not simple.

    Simple is `digits` or `digits.digits`, above 0, below 2^53 without the point.
    """
    if end - begin > LONGEST:
        return -1, 0
    value, places, point = 0, 0, -1
    for at in range(begin, end):
        if data[at] == 46:
            if point >= 0 or at == begin or at == end - 1:
                return -1, 0
            point = at
        elif 48 <= data[at] <= 57:
            value = value * 10 + (data[at] - 48)
            if value >= EXACT:
                return -1, 0
        else:
            return -1, 0
    if point >= 0:
        places = end - point - 1
    if value == 0 or places > 18:
        return -1, 0
    return value, places


@compiled
def amounts(
    data: Any, count_begins: Any, count_ends: Any, price_begins: Any, price_ends: Any,
    sizes: Any, inverse: Any,
) -> Any:  # fmt: skip
    """(quantity, price, cents) of rows; cents -1 where it must be computed otherwise.

    `sizes` are whole contract sizes: of the asset, or of USD where `inverse`. Cents are
    rounded from integers, half to even.
    """
    rows = len(sizes)
    quantity, prices = np.empty(rows), np.empty(rows)
    cents = np.full(rows, -1, np.int64)
    for row in range(rows):
        count, count_places = _decimal(data, count_begins[row], count_ends[row])
        price, price_places = _decimal(data, price_begins[row], price_ends[row])
        if count < 0 or price < 0 or sizes[row] <= 0:
            continue
        units = float(count) * sizes[row]
        if units >= EXACT:
            continue
        count *= sizes[row]
        prices[row] = price / FLOAT_TENS[price_places]
        quantity[row] = count / FLOAT_TENS[count_places]
        if inverse[row]:
            quantity[row] = quantity[row] / prices[row]
            cents[row] = _cents(count, 1, count_places)
        else:
            cents[row] = _cents(count, price, count_places + price_places)
    return quantity, prices, cents


@compiled
def _cents(first: Any, second: Any, places: Any) -> Any:
    """First * second / 10^places USD in cents, half to even; -1 where too large."""
    if places < 2:
        second *= TENS[2 - places]
        places = 2
    if float(first) * float(second) >= 9e18 or places - 2 > 18:
        return -1
    product, unit = first * second, TENS[places - 2]
    whole, rest = product // unit, product % unit
    twice = 2 * (rest - unit // 2) if unit > 1 else -1
    if twice > 0 or (twice == 0 and whole % 2 == 1):
        whole += 1
    return whole


@compiled
def joined(
    wide: Any, begins: Any, ends: Any, offsets: Any, text: Any, into: Any
) -> None:
    """The texts of each row's slots, a hyphen between them, into `text`.

    `into` is `text` by eight bytes from anywhere: what is copied too far is written over
    by what comes next, or lies in the padding behind.
    """
    at = 0
    slots, rows = begins.shape
    offsets[0] = 0
    for row in range(rows):
        for slot in range(slots):
            if slot:
                text[at] = 45
                at += 1
            length = ends[slot, row] - begins[slot, row]
            for step in range(0, length, 8):
                into[at + step] = wide[begins[slot, row] + step]
            at += length
        offsets[row + 1] = at


@compiled
def distinct(data: Any, begins: Any, ends: Any) -> Any:
    """A number for each row's text, the same for the same text; first rows of each."""
    codes = np.empty(len(begins), np.int64)
    firsts = np.empty(len(begins), np.int64)
    table = np.full(64, -1, np.int64)
    count = 0
    for row in range(len(begins)):
        if 2 * count >= len(table):
            table = _grown(data, begins, ends, firsts, count, 4 * len(table))
        place = _place(data, begins, ends, firsts, table, row)
        if table[place] < 0:
            table[place] = count
            firsts[count] = row
            count += 1
        codes[row] = table[place]
    return codes, firsts[:count]


@compiled
def _grown(
    data: Any, begins: Any, ends: Any, firsts: Any, count: Any, size: Any
) -> Any:
    table = np.full(size, -1, np.int64)
    for code in range(count):
        table[_place(data, begins, ends, firsts, table, firsts[code])] = code
    return table


@compiled
def _place(data: Any, begins: Any, ends: Any, firsts: Any, table: Any, row: Any) -> Any:
    """Where the text stands in the table, or is to stand (FNV-1a, linear probing)."""
    begin, length = begins[row], ends[row] - begins[row]
    mixed = 2166136261
    for step in range(length):
        mixed = ((mixed ^ data[begin + step]) * 16777619) & 0xFFFFFFFF
    place = mixed % len(table)
    while table[place] >= 0:
        other = firsts[table[place]]
        same = ends[other] - begins[other] == length
        for step in range(length):
            if not same or data[begins[other] + step] != data[begin + step]:
                same = False
                break
        if same:
            break
        place = (place + 1) % len(table)
    return place
