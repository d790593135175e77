"""Alerts as JSON to an address of your own, signed so that it can tell they are yours.

POST, `Content-Type: application/json`, body: id, kind, time (ISO 8601), title, body,
alerts. Headers:

* `Washout-Id`: the message's id; it is the same when a message is sent again;
* `Washout-Timestamp`: seconds since 1970 when this attempt was signed;
* `Washout-Signature`: `v1=` and the HMAC-SHA256, in hex, of timestamp, a full stop, and
  the body as sent, under the secret.

A receiver computes it anew, compares in constant time, and refuses old timestamps:

>>> import hashlib, hmac
>>> def is_ours(secret: str, headers: dict, body: bytes, now: float) -> bool:
...     stamp = headers["Washout-Timestamp"]
...     signed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
...     wanted = f"v1={signed.hexdigest()}"
...     fresh = abs(now - int(stamp)) < 300
...     return fresh and hmac.compare_digest(wanted, headers["Washout-Signature"])
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from washout.channels import Channel, Message, SendError, Setting, Settings
from washout.clock import SECOND, format_time

_PATIENCE = 10.0
_TOO_MANY = 429
_BUSY = (408, 425, _TOO_MANY)


def body_of(message: Message) -> bytes:
    """The JSON that is posted and signed."""
    told = msgspec.structs.asdict(message)
    del told["sent"]
    return msgspec.json.encode(told | {"time": format_time(message.time)})


def signature(secret: str, stamp: int, body: bytes) -> str:
    """`v1=` and the HMAC-SHA256 of timestamp, full stop and body."""
    signed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return f"v1={signed.hexdigest()}"


def _send(message: Message, settings: Settings) -> None:
    import httpx

    body, stamp = body_of(message), message.sent // SECOND
    headers = {
        "Content-Type": "application/json",
        "Washout-Id": message.id,
        "Washout-Timestamp": str(stamp),
        "Washout-Signature": signature(settings["secret"], stamp, body),
    }
    try:
        answer = httpx.post(
            settings["url"], content=body, headers=headers, timeout=_PATIENCE
        )
    except httpx.HTTPError as error:
        raise SendError(f"the webhook did not answer: {error}") from error
    if answer.is_success:
        return
    status = answer.status_code
    raise SendError(
        f"the webhook answered {status} {answer.reason_phrase}; expected 200 to 299",
        again=status in _BUSY or answer.is_server_error,
        wait=_wait(answer.headers.get("Retry-After", "")),
    )


def _wait(told: str) -> float | None:
    return float(told) if told.isdecimal() else None


webhook = Channel(
    name="webhook",
    title="JSON to an address of your own, signed",
    settings=(
        Setting("url", "where to POST"),
        Setting("secret", "what it is signed with", secret=True),
    ),
    send=_send,
)
