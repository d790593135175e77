"""Messages leave over real sockets on loopback, again and again, and tell no secret."""

from __future__ import annotations

import json
import logging
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from washout.channels import Channel, Message, SendError
from washout.channels.webhook import signature
from washout.clock import SECOND, parse_time
from washout.errors import UsageError
from washout.live.rules import parse_rules
from washout.live.sending import (
    Failure,
    Log,
    Sender,
    Way,
    bury,
    retry,
    send,
    ways,
    written,
)

NOW = parse_time("2026-01-05T12:00:00Z")
SECRET = "a-secret-of-ours/+1"
MESSAGE = Message(
    id="wave/binance:BTC/long/2026-01-05T11:59:00Z/alert", kind="alert", time=NOW,
    title="binance:BTC longs: a wave", body="12 bp\nfired never before", alerts=({"a": 1},),
)  # fmt: skip


def clock():
    return NOW + 3 * SECOND


@contextmanager
def server(*statuses, headers=()):
    """A server that answers with each status in turn, the last one for ever."""
    seen, left = [], list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, dict(self.headers), body))
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args):
            pass

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{found.server_port}", seen
    finally:
        found.shutdown()
        found.server_close()
        thread.join()


RULE = """
[[rule]]
name = "r"
signal = "wave_confirmed"
scopes = ["binance:BTC"]
channels = ["mine"]
"""


def rules(text, folder):
    return parse_rules(text + RULE, folder / "rules.toml")


def webhook(address, tmp_path, secret="${HOOK}", environ=None):
    text = f'[channels.mine]\nkind = "webhook"\nurl = "http://{address}/x"\nsecret = "{secret}"'
    return ways(rules(text, tmp_path), environ or {"HOOK": SECRET})["mine"]


def apprise(tmp_path, url):
    text = '[channels.mine]\nkind = "apprise"\nurl = "${PHONE}"'
    return ways(rules(text, tmp_path), {"PHONE": url})["mine"]


def test_a_webhook_gets_json_that_is_signed_over_time_and_body(tmp_path):
    with server(200) as (address, seen):
        assert send(webhook(address, tmp_path), MESSAGE, clock) == 1
    ((path, headers, body),) = seen
    assert path == "/x"
    told = json.loads(body)
    assert told["id"] == headers["Washout-Id"] == MESSAGE.id
    assert told["time"] == "2026-01-05T12:00:00Z"
    assert (told["title"], told["alerts"]) == (MESSAGE.title, [{"a": 1}])
    stamp = int(headers["Washout-Timestamp"])
    assert stamp == clock() // SECOND
    assert headers["Washout-Signature"] == signature(SECRET, stamp, body)
    assert headers["Washout-Signature"] != signature(SECRET, stamp + 1, body)


def test_the_snippet_of_the_documentation_knows_ours_from_others(tmp_path):
    from washout.channels import webhook as module

    source = "\n".join(
        line[4:] for line in module.__doc__.splitlines() if line[:3] in (">>>", "...")
    )
    names = {}
    exec(source, names)
    with server(200) as (address, seen):
        send(webhook(address, tmp_path), MESSAGE, clock)
    ((_, headers, body),) = seen
    now = clock() / SECOND
    assert names["is_ours"](SECRET, headers, body, now)
    assert not names["is_ours"]("another", headers, body, now)
    assert not names["is_ours"](SECRET, headers, body + b" ", now)
    assert not names["is_ours"](SECRET, headers, body, now + 600)


def test_apprise_delivers_title_and_body(tmp_path):
    with server(200) as (address, seen):
        send(apprise(tmp_path, f"json://{address}/hook"), MESSAGE, clock)
    ((path, _, body),) = seen
    told = json.loads(body)
    assert path.startswith("/hook")
    assert (told["title"], told["message"]) == (MESSAGE.title, MESSAGE.body)


def test_an_address_that_apprise_does_not_know_is_not_tried_again(tmp_path):
    with pytest.raises(Failure, match=r"does not know .* \(1 attempts\)"):
        send(apprise(tmp_path, "nosuchthing://token"), MESSAGE, clock)


def test_what_fails_is_tried_again_and_later_each_time(tmp_path):
    waits = []
    with server(503, 500, 200) as (address, seen):
        tried = send(webhook(address, tmp_path), MESSAGE, clock, sleep=waits.append)
    assert (tried, len(seen)) == (3, 3)
    assert len({headers["Washout-Id"] for _, headers, _ in seen}) == 1
    assert 1 <= waits[0] < 2 <= waits[1] < 3


def test_who_asks_to_be_left_alone_is_left_alone_for_so_long(tmp_path):
    waits = []
    with server(429, 200, headers=[("Retry-After", "7")]) as (address, _):
        send(webhook(address, tmp_path), MESSAGE, clock, sleep=waits.append)
    assert waits == [7]


def test_a_refusal_is_not_tried_again(tmp_path):
    with server(403) as (address, seen), pytest.raises(Failure, match="403 Forbidden"):
        send(webhook(address, tmp_path), MESSAGE, clock)
    assert len(seen) == 1


def test_a_message_is_written_down_with_what_became_of_it(tmp_path):
    log = Log(tmp_path)
    with server(200) as (address, _):
        sender = Sender({"mine": webhook(address, tmp_path)}, log, clock)
        log.write(written(MESSAGE, ["mine"], "alert"))
        sender.put("mine", MESSAGE)
        sender.close()
    assert [line["what"] for line in log.lines()] == ["message", "sent"]
    assert log.known() == {MESSAGE.id}
    assert log.unsent() == []


def test_what_cannot_be_delivered_is_kept_and_sent_by_retry(tmp_path):
    log = Log(tmp_path)
    with server(500) as (address, seen):
        way = webhook(address, tmp_path)
        sender = Sender({"mine": way}, log, clock, attempts=3, sleep=lambda _s: None)
        log.write(written(MESSAGE, ["mine"], "alert"))
        sender.put("mine", MESSAGE)
        sender.close()
        assert len(seen) == 3
        (dead,) = log.lines(log.dead)
        assert "500 Internal Server Error" in dead["reason"]
        assert log.unsent() == []  # given up: `retry` is for it
        sent, (left,) = retry(log, {"mine": way}, clock, attempts=1)
        assert (sent, left["id"]) == (0, MESSAGE.id)
    with server(200) as (address, seen):
        assert retry(log, {"mine": webhook(address, tmp_path)}, clock) == (1, [])
        assert json.loads(seen[0][2])["body"] == MESSAGE.body
    assert list(log.lines(log.dead)) == []


def test_a_channel_that_hangs_holds_up_no_other(tmp_path):
    hanging, released, came = threading.Event(), threading.Event(), threading.Event()

    def hang(_message, _settings):
        hanging.set()
        released.wait(10)

    def take(_message, _settings):
        came.set()

    out = {
        name: Way(name, Channel(name=name, title=name, send=function), {}, ())
        for name, function in (("slow", hang), ("fast", take))
    }
    sender = Sender(out, Log(tmp_path), clock)
    sender.put("slow", MESSAGE)
    assert hanging.wait(10)
    sender.put("fast", MESSAGE)
    assert came.wait(10)
    released.set()
    sender.close()


def test_after_a_crash_what_no_word_came_of_is_unsent(tmp_path):
    log = Log(tmp_path)
    log.write(written(MESSAGE, ["mine", "other"], "alert"))
    log.write({"what": "sent", "id": MESSAGE.id, "channel": "other"})
    with log.path.open("ab") as handle:
        handle.write(b'{"what": "sent", "id": "wave/bin')  # cut short
    assert Log(tmp_path).unsent() == [("mine", MESSAGE)]
    Log(tmp_path).write({"what": "sent", "id": MESSAGE.id, "channel": "mine"})
    assert Log(tmp_path).unsent() == []


def test_a_secret_in_plain_text_is_refused(tmp_path):
    text = '[channels.mine]\nkind = "apprise"\nurl = "tgram://123456789:abc/1"'
    with pytest.raises(UsageError, match="plain text") as caught:
        rules(text, tmp_path)
    assert "123456789" not in str(caught.value)


def test_a_secret_that_the_environment_lacks_is_named(tmp_path):
    with pytest.raises(UsageError, match="no HOOK"):
        webhook("127.0.0.1:1", tmp_path, environ={"OTHER": "x"})


def test_a_secret_may_be_a_file_that_only_its_owner_can_read(tmp_path):
    file = tmp_path / "hook.secret"
    file.write_text(SECRET + "\n")
    file.chmod(0o640)
    with pytest.raises(UsageError, match=r"mode 0640; .* chmod 600"):
        webhook("127.0.0.1:1", tmp_path, "${file:hook.secret}")
    file.chmod(0o600)
    assert (
        webhook("127.0.0.1:1", tmp_path, "${file:hook.secret}").settings["secret"]
        == SECRET
    )
    with pytest.raises(UsageError, match="No such file"):
        webhook("127.0.0.1:1", tmp_path, "${file:none}")


def test_no_secret_is_ever_written_shown_or_logged(tmp_path, caplog, capfd):
    """Neither whole nor in the shapes that addresses and errors give it."""
    token = "9876543210:AAtoken_of_a_bot"
    caplog.set_level(logging.DEBUG)

    def tells(_message, settings):
        raise SendError(f"cannot reach {settings['url']} with {token}", again=False)

    broken = Channel(name="broken", title="tells everything", send=tells)
    (target,) = rules(
        '[channels.mine]\nkind = "apprise"\nurl = "${PHONE}"', tmp_path
    ).targets
    whole = f"json://user:{token.replace(':', '-')}@127.0.0.1:1/{token}"
    way = apprise(tmp_path, whole)
    noisy = Way("noisy", broken, way.settings, (*way.secrets, token))
    log = Log(tmp_path)
    hook = msgspec.structs.replace(webhook("127.0.0.1:1", tmp_path), name="hook")
    out = {"mine": way, "noisy": noisy, "hook": hook}
    sender = Sender(out, log, clock, attempts=2, sleep=lambda _s: None)
    for name in out:
        log.write(written(MESSAGE, [name], "alert"))
        sender.put(name, MESSAGE)
    sender.close()
    assert {line["channel"] for line in log.lines(log.dead)} == set(out)
    shown = capfd.readouterr()
    texts = [caplog.text, shown.out, shown.err, repr(out), str(way), repr(target)]
    texts += [path.read_text() for path in Path(tmp_path).rglob("*") if path.is_file()]
    assert any("apprise" in text.lower() for text in texts)
    for secret in (
        token,
        token.replace(":", "-"),
        whole,
        SECRET,
        token.replace(":", "%3A"),
    ):
        assert not any(secret in text for text in texts), secret


def test_the_console_prints_title_and_body(tmp_path, capsys):
    (only,) = ways(
        parse_rules(RULE.replace("mine", "console"), tmp_path / "r"), {}
    ).values()
    send(only, MESSAGE, clock)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"{MESSAGE.title}\n{MESSAGE.body}\n")


def test_bury_keeps_the_whole_message(tmp_path):
    log = Log(tmp_path)
    bury(log, "mine", MESSAGE, "why", clock())
    (line,) = log.lines(log.dead)
    assert line["message"]["body"] == MESSAGE.body
    assert (line["reason"], line["time"]) == ("why", "2026-01-05T12:00:03Z")
