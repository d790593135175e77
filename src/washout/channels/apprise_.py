"""Alerts to Telegram, Discord, Slack, email, ntfy and some hundred other services.

`url` is an Apprise address, such as `tgram://TOKEN/CHAT`, `discord://ID/TOKEN`,
`slack://TOKENS`, `mailto://USER:PASSWORD@HOST`, `ntfy://TOPIC`: see
https://appriseit.com/services/. Such an address is a secret.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

from washout.channels import Channel, Message, SendError, Setting, Settings


def _send(message: Message, settings: Settings) -> None:
    with warnings.catch_warnings():
        # It imports what Python 3.13 no longer has, and warns about it.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        notifier = apprise.Apprise()
        known = notifier.add(settings["url"])
    if not known:
        raise SendError(
            "Apprise does not know this kind of address. See"
            " https://appriseit.com/services/ for how it must look.",
            again=False,
        )
    capture: Any = apprise.LogCapture
    with capture(level=logging.WARNING, fmt="%(message)s") as said:
        done = notifier.notify(
            title=message.title,
            body=message.body,
            body_format=apprise.NotifyFormat.TEXT,
        )
        reasons = " ".join(said.getvalue().split())
    if not done:
        raise SendError(f"Apprise could not send it: {reasons or 'no reason given'}")


apprise_channel = Channel(
    name="apprise",
    title="Telegram, Discord, Slack, email, ntfy, ... through Apprise",
    settings=(Setting("url", "an Apprise address", secret=True),),
    send=_send,
)
