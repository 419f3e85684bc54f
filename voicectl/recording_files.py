"""Files of recordings: what is stored about one, and a verified download.

A saved file gets its name only after its size and SHA-256 are verified.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import requests

from voicectl.admin_api import AdminApiError
from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicectl.admin_api import AdminApi

_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_EXTENSIONS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/ogg": "ogg",
    "application/json": "json",
}
_TIMEOUT = (5, 30)  # seconds to connect, and between two chunks
_CHUNK = 256 * 1024


save_option = click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="save recordings and transcripts to this folder",
)


class SavedFile(NamedTuple):
    """A file that was saved now or earlier."""

    path: Path
    size: int


def describe_recording(api: AdminApi, recording: str) -> dict[str, Any]:
    """Return what is stored about a recording; one that is not stored has no link."""
    if not _SAFE.fullmatch(recording):
        return {"uuid": recording, "state": "its UUID is not a valid file name"}
    try:
        known: dict[str, Any] = api.get(f"/recordings/{recording}")
    except AdminApiError as error:
        if error.status != 404:
            raise
        return {"uuid": recording, "state": "not kept: not fetched yet, or expired"}
    return {"state": "kept", **known}


def save_recordings(found: list[dict[str, Any]], folder: Path, *, local: bool) -> None:
    """Save recordings and their transcripts to a folder, and add the paths of the files.

    Parameters
    ----------
    found
        Results of `describe_recording`; those without a link are skipped.
    folder
        It is created if it does not exist.
    local
        Whether they are stored by the local platform, which no proxy reaches.

    Raises
    ------
    VoicectlError
        If a download fails or differs, or another file has its name. Files saved before stay.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VoicectlError(f"cannot create {folder}: {error.strerror}") from None
    with requests.Session() as session:
        session.trust_env = not local
        for one in found:
            _save(session, one, folder)


def _save(session: requests.Session, known: dict[str, Any], folder: Path) -> None:
    """Save a recording and its transcript, and add their paths."""
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
) -> SavedFile:
    """Download to a temporary name, verify the content, and rename the file.

    Parameters
    ----------
    size, sha256
        The expected values; None if unknown.

    Raises
    ------
    VoicectlError
        If the download fails or differs, or another file has this name.
    """
    if path.exists():
        present = _sum(path)
        if sha256 is None or present == (size, sha256):
            return SavedFile(path, present[0])
        raise VoicectlError(
            f"{path} exists with different content. Move it, and run the command again."
        )
    part = path.with_name(f"{path.name}.part")
    with _removed_if_left(part):
        downloaded = _download(session, url, part)
        if sha256 is not None and downloaded != (size, sha256):
            raise VoicectlError(
                f"the download of {path.name} differs from what was stored ({downloaded[0]} of"
                f" {size} bytes). Run the command again."
            )
        part.replace(path)
    return SavedFile(path, downloaded[0])


def _download(session: requests.Session, url: str, part: Path) -> tuple[int, str]:
    """Write a download to a file with mode 0600; return its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    try:
        with (
            session.get(url, stream=True, timeout=_TIMEOUT, allow_redirects=False) as response,
            os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
        ):
            if response.status_code != 200:
                raise VoicectlError(
                    f"the bucket returned {response.status_code} for {part.stem}. Its link may have"
                    " expired: run the command again."
                )
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
            file.flush()
            os.fsync(file.fileno())
    except requests.RequestException as error:
        raise VoicectlError(
            f"the download of {part.stem} broke off ({type(error).__name__}). Run the command"
            " again."
        ) from None
    except OSError as error:
        raise VoicectlError(f"cannot write {part}: {error.strerror}") from None
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
