"""Print the journal: one line for each webhook, API request and error, with the reason."""

import asyncio
import contextlib
import json
import os
import re
import select
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any

from .journal import Journal

# Entries that wait for a slow reader of the lines; the oldest are lost first.
LOG_ENTRIES = 20_000
# Seconds between two looks at a reader that is behind, and for the last lines at the end.
PAUSE = 0.05
LAST_LINES = 1.0
LINE_CHARACTERS = 500

ERROR_REASONS = {
    "Connection closed.": "nothing listens at this address, or it closed the connection",
    "Connection reset.": "the application closed the connection",
    "Connection timeout.": "this address does not accept connections",
    "Read timeout.": "the application did not respond in time",
    "Bad certificate.": "the certificate is not trusted; use http, --map, or SSL_CERT_FILE",
    "Bad URL.": "the URL is not valid, or its host has no address; --map can send it elsewhere",
    "Bad reply.": "the response is not valid HTTP",
    "Reply too long.": "the response is too long",
}
STATUS_REASONS = {
    404: "the application has no such route",
    405: "the application takes another method there; see --answer-method and --event-method",
}
REFUSED_SIGNATURE = (
    "the application refused the signature; it must verify HS256 with the signature secret"
)
NOT_SIGNED = "the application refused the webhook, which was sent without a signature"

_URL_SECRETS = re.compile(r"(?P<begin>\w+://)(?:[^\s/?#@]*@)?(?P<path>[^\s?#]*)[?#]?\S*")
_TOKEN = re.compile(r"\b[\w-]{10,}\.[\w-]{10,}\.[\w-]*")
_COLORS = {"webhook": "36", "api": "34", "error": "31", "warning": "33", "websocket": "35"}
_RED, _DIM = "31", "2"

Fields = dict[str, Any]


def fields_of(entry: Fields) -> Fields | None:
    """Return what a line says about a journal entry; None if it has no line.

    The fields have no bodies, headers, queries or tokens. `reason` says why something failed; it
    is null if nothing did.
    """
    read = _READERS.get(entry["kind"])
    if read is None:
        return None
    at = datetime.fromtimestamp(entry["at"], UTC).isoformat(timespec="milliseconds")
    begin = {"time": at, "kind": entry["kind"], "uuid": entry.get("uuid")}
    return {
        name: _clean(value) if isinstance(value, str) else value
        for name, value in (begin | read(entry)).items()
    }


def _webhook(entry: Fields) -> Fields:
    webhook = entry["webhook"]
    names = ("method", "url", "status", "ms", "attempt")
    return {
        "webhook": webhook["kind"],
        **{name: webhook[name] for name in names},
        "reason": _webhook_reason(webhook),
    }


def _webhook_reason(webhook: Fields) -> str | None:
    status, error = webhook["status"], webhook["error"]
    if error is not None:
        return ERROR_REASONS.get(error, error)
    if status in (401, 403):
        is_signed = "Authorization" in webhook["request"]["headers"]
        return REFUSED_SIGNATURE if is_signed else NOT_SIGNED
    if status in STATUS_REASONS:
        return STATUS_REASONS[status]
    if webhook["kind"] in ("answer", "fallback"):
        return None if status == 200 else "an NCCO must come with status 200"
    return None if status < 300 else "the webhook counts as not delivered"


def _api(entry: Fields) -> Fields:
    return {name: entry[name] for name in ("method", "path", "status", "ms", "reason")}


def _error(entry: Fields) -> Fields:
    words = (entry["reason"], entry.get("detail"), _faults(entry))
    return {"reason": " ".join(filter(None, words))}


def _websocket(entry: Fields) -> Fields:
    names = ("state", "by", "code", "received", "sent", "dropped")
    return {
        **{name: entry[name] for name in names if name in entry},
        "reason": _faults(entry),
    }


def _faults(entry: Fields) -> str | None:
    return ", ".join(f"fault {name}" for name in entry.get("faults", ())) or None


_READERS = {
    "webhook": _webhook,
    "api": _api,
    "error": _error,
    "warning": _error,
    "websocket": _websocket,
}


def _clean(text: str) -> str:
    """Remove what a line must not show: queries, passwords, tokens, control characters."""
    text = _URL_SECRETS.sub(r"\g<begin>\g<path>", text)
    text = _TOKEN.sub("(token)", text)
    return "".join(one if one.isprintable() else " " for one in text[:LINE_CHARACTERS])


def text_line(fields: Fields, colored: bool) -> str:
    """Format the fields as a line for people, in local time."""

    def paint(text: str, color: str) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if colored else text

    kind, reason = fields["kind"], fields["reason"]
    time = datetime.fromisoformat(fields["time"]).astimezone().strftime("%H:%M:%S")
    words = [paint(time, _DIM), paint(f"{kind:<7}", _COLORS[kind])]
    words.append(paint((fields["uuid"] or "")[:8].ljust(8), _DIM))
    if kind == "websocket":
        words += [_socket_text(fields)]
    elif kind in ("webhook", "api"):
        words += [fields["webhook"]] if kind == "webhook" else []
        words += [fields["method"], fields["url"] if kind == "webhook" else fields["path"]]
        status = fields["status"] or "failed"
        words.append(paint(f"-> {status}", _RED if reason else "32"))
        words.append(paint(f"{fields['ms']:.0f} ms", _DIM))
        if fields.get("attempt", 1) > 1:
            words.append(f"attempt {fields['attempt']}")
    if reason:
        words.append(paint(reason, _RED))
    return " ".join(words) + "\n"


def _socket_text(fields: Fields) -> str:
    if fields["state"] == "connected":
        return "connected"
    return (
        f"closed by the {fields['by']}, code {fields['code']}; frames: {fields['received']} "
        f"received, {fields['dropped']} dropped, {fields['sent']} sent"
    )


def json_line(fields: Fields) -> str:
    """Format the fields as a JSON object on one line."""
    return json.dumps(fields) + "\n"


class JournalLog:
    """Writes a line for each new entry of a journal to a stream, until the simulator stops.

    The simulator never waits for the stream's reader. If a reader is too slow, lines are lost.
    """

    def __init__(self, journal: Journal, stream: IO[str], line: Callable[[Fields], str]) -> None:
        self._journal = journal
        self._stream = stream
        self._line = line
        self._entries = journal.follow(LOG_ENTRIES)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Write the last lines, unless the reader is too slow."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._task, LAST_LINES)

    async def _run(self) -> None:
        try:
            is_open = True
            while is_open:
                entries = [await self._entries.get()]
                while not self._entries.empty():
                    entries.append(self._entries.get_nowait())
                is_open = entries[-1]["kind"] != "end"
                lines = (fields_of(entry) for entry in entries)
                await self._write("".join(self._line(one) for one in lines if one is not None))
        except (OSError, ValueError):
            pass  # the reader has gone, or the stream is closed
        finally:
            self._journal.leave(self._entries)

    async def _write(self, text: str) -> None:
        content = text.encode()
        while content:
            # A file that is ready takes this much without blocking.
            if select.select([], [self._stream], [], 0)[1]:
                written = os.write(self._stream.fileno(), content[: select.PIPE_BUF])
                content = content[written:]
            else:
                await asyncio.sleep(PAUSE)
