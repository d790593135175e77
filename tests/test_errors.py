"""Errors: exit codes, nearest names, where bad input is."""

from __future__ import annotations

import pytest

from washout import errors
from washout.errors import InputError, UnknownName, WashoutError


def everything(kind=WashoutError):
    return [
        kind,
        *(found for sub in kind.__subclasses__() for found in everything(sub)),
    ]


def test_the_tree_in_the_documentation_is_the_tree():
    for kind in everything():
        if kind.__module__ == errors.__name__:
            assert kind.__name__ in errors.__doc__
            assert f"({kind.exit_code})" in errors.__doc__.replace("exit code ", "")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("windw", "There is no setting 'windw'. Did you mean window?"),
        ("zzz", "There is no setting 'zzz'. Known: anchor, window."),
    ],
)
def test_unknown_names_come_with_the_nearest_or_with_all(name, says):
    error = UnknownName("setting", name, ["window", "anchor", "window"])
    assert str(error) == says
    assert isinstance(error, errors.UsageError)


def test_an_unknown_name_where_there_are_none_says_so():
    assert str(UnknownName("scope", "a:B", [])).endswith("Known: none.")


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({}, "bad"),
        ({"unit": "a.csv"}, "a.csv: bad"),
        ({"unit": "a.csv", "row": 7}, "a.csv, row 7: bad"),
    ],
)
def test_bad_input_says_where(where, says):
    error = InputError("bad", **where)
    assert str(error) == says
    assert (error.reason, error.exit_code) == ("bad", 4)
