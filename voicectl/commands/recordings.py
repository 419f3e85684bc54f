"""``recordings``: the recordings of a call, listed or saved.

What is saved has the name of the recording only once its size and its SHA-256 are right.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import requests

from voicectl.admin_api import AdminApiError, admin_api
from voicectl.call_commands import add_call_argument, resolve_call
from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

NAME = "recordings"
HELP = "list the recordings of a call, and save them"
_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_EXTENSIONS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/ogg": "ogg",
    "application/json": "json",
}
_TIMEOUT = (5, 30)  # seconds to connect, and between two pieces
_CHUNK = 256 * 1024
_COLUMNS = ("recording", "state", "seconds", "channels", "bytes", "type", "file")


class Saved(NamedTuple):
    """A file that was saved, or was there already."""

    path: Path
    size: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_call_argument(parser)
    parser.add_argument(
        "--save", type=Path, metavar="FOLDER", help="save them there, transcripts as well"
    )


def run(options: argparse.Namespace, context: Context) -> int:
    """List what was recorded of the call, and save what is kept."""
    api = admin_api(context)
    found = [_described(api, uuid) for uuid in _recorded(api, resolve_call(options, context))]
    if options.save is not None and not options.dry_run:
        options.save.mkdir(parents=True, exist_ok=True)
        with requests.Session() as session:
            session.trust_env = not context.stack.local
            for one in found:
                _save(session, one, options.save)
    for one in found:  # a link opens the recording to whoever has it, and is dead in minutes
        one.pop("url", None)
        one.pop("transcript_url", None)
    context.output.table(_COLUMNS, [_row(one) for one in found])
    context.output.line(f"{len(found)} recordings")
    context.output.result({"recordings": found})
    return 0


def _recorded(api: AdminApi, uuid: str) -> list[str]:
    events = api.get(f"/calls/{uuid}/events")["events"]
    named = (one["fields"].get("recording_uuid") for one in events if one["kind"] == "record")
    return list(dict.fromkeys(one for one in named if isinstance(one, str) and one))


def _described(api: AdminApi, recording: str) -> dict[str, Any]:
    """Give what is known of a recording; one that was not fetched yet has no link."""
    if not _SAFE.fullmatch(recording):
        return {"uuid": recording, "state": "has a name that no file can have"}
    try:
        known: dict[str, Any] = api.get(f"/recordings/{recording}")
    except AdminApiError as refused:
        if refused.status != 404:
            raise
        return {"uuid": recording, "state": "not kept: not fetched yet, or no more"}
    return {"state": "kept", **known}


def _save(session: requests.Session, known: dict[str, Any], folder: Path) -> None:
    """Save a recording and its transcript, and note where."""
    if "url" in known:
        extension = _EXTENSIONS.get(known.get("content_type", ""), "bin")
        path = folder / f"{known['uuid']}.{extension}"
        known["file"] = str(
            _fetch(session, known["url"], path, int(known["size"]), known["sha256"]).path
        )
    if "transcript_url" in known:
        path = folder / f"{known['uuid']}.transcript.json"
        known["transcript_file"] = str(
            _fetch(session, known["transcript_url"], path, None, None).path
        )


def _fetch(
    session: requests.Session, url: str, path: Path, size: int | None, sha256: str | None
) -> Saved:
    """Fetch a file beside its place, look whether it is right, and put it there.

    Parameters
    ----------
    size, sha256
        What it must be; None where nobody knows.

    Raises
    ------
    ConnectError
        If it cannot be fetched, is not what was kept, or another file has its name.
    """
    if path.exists():
        there = _sum(path)
        if sha256 is None or there == (size, sha256):
            return Saved(path, there[0])
        raise VoicectlError(f"{path} is there with another content: move it, and run this again")
    part = path.with_name(f"{path.name}.part")
    with _removed_if_left(part):
        got = _download(session, url, part)
        if sha256 is not None and got != (size, sha256):
            raise VoicectlError(
                f"what came of {path.name} is not what was kept ({got[0]} bytes of {size}):"
                " run this again"
            )
        part.replace(path)
    return Saved(path, got[0])


def _download(session: requests.Session, url: str, part: Path) -> tuple[int, str]:
    """Write a file as it comes, readable by its owner alone; give its size and its SHA-256."""
    digest, size = hashlib.sha256(), 0
    try:
        with (
            session.get(url, stream=True, timeout=_TIMEOUT, allow_redirects=False) as response,
            os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
        ):
            if response.status_code != 200:
                raise VoicectlError(
                    f"the bucket answered {response.status_code} for {part.stem}: run this again,"
                    " since links live for minutes alone"
                )
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
            file.flush()
            os.fsync(file.fileno())
    except requests.RequestException as error:
        raise VoicectlError(
            f"{part.stem} was cut off ({type(error).__name__}): run this again"
        ) from None
    except OSError as error:
        raise VoicectlError(f"{part} cannot be written: {error.strerror}") from None
    return size, digest.hexdigest()


def _sum(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _removed_if_left(part: Path) -> Iterator[None]:
    try:
        yield
    finally:
        part.unlink(missing_ok=True)


def _row(known: dict[str, Any]) -> tuple[object, ...]:
    names = ("uuid", "state", "seconds", "channels", "size", "content_type", "file")
    values = [known.get(name) for name in names]
    return tuple(f"{one:g}" if isinstance(one, float) else one for one in values)
