"""Build and check NCCOs: every action and endpoint of the current reference, except `pay`.

    >>> from voicekit import ncco
    >>> ncco.talk("Hello", language="en-GB")
    {'action': 'talk', 'text': 'Hello', 'language': 'en-GB'}

Actions: `talk`, `stream`, `input`, `record`, `conversation`, `connect`, `notify`, `wait`,
`transfer`. Endpoints of connect: `phone`, `app`, `websocket`, `sip`, `vbc`. Nested options:
`dtmf`, `speech`, `transcription`, `advanced_machine_detection`, `on_answer`, `authorization`.
`check` validates the NCCOs of flows and requests. Text: `escape` and `spell`.
The only exception is `NccoError`, a ValueError. `Action` is the type of an action.
"""

from __future__ import annotations

from voicekit.ncco.actions import (
    connect,
    conversation,
    input,  # noqa: A004 - flows call it as ncco.input, which shadows nothing
    notify,
    record,
    stream,
    talk,
    transfer,
    wait,
)
from voicekit.ncco.components import (
    advanced_machine_detection,
    app,
    authorization,
    dtmf,
    on_answer,
    phone,
    sip,
    speech,
    transcription,
    vbc,
    websocket,
)
from voicekit.ncco.rules import check
from voicekit.ncco.ssml import escape, spell
from voicekit.ncco.value_rules import NccoError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Action = dict[str, Any]
else:
    Action = dict

__all__ = [
    "Action",
    "NccoError",
    "advanced_machine_detection",
    "app",
    "authorization",
    "check",
    "connect",
    "conversation",
    "dtmf",
    "escape",
    "input",
    "notify",
    "on_answer",
    "phone",
    "record",
    "sip",
    "speech",
    "spell",
    "stream",
    "talk",
    "transcription",
    "transfer",
    "vbc",
    "wait",
    "websocket",
]
