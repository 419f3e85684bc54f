"""A folder that keeps what clients are configured with: the CA, the key, ids and secrets.

ca.pem          the CA certificate that clients trust
ca.key          its private key, mode 0600
private.key     the application's private key, mode 0600
account.json    application id, API secret and signature secret, mode 0600
"""

import fcntl
import json
import os
import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from .account import make_keys

_ACCOUNT_FIELDS = ("application_id", "api_secret", "signature_secret")


class StateFolderError(Exception):
    """The folder cannot be used; the message says why."""


@dataclass(frozen=True)
class SavedState:
    """The content of a state folder; the authority is its certificate and key in PEM."""

    authority: tuple[bytes, bytes] = field(repr=False)
    ca_file: Path
    key_file: Path
    application_id: str
    api_secret: str = field(repr=False)
    signature_secret: str = field(repr=False)


def open_state_folder(folder: Path) -> SavedState:
    """Read a state folder, and create what it lacks; two simulators can share one.

    Raises
    ------
    StateFolderError
        If a file in it is not what this module writes.
    OSError
        If it cannot be read or written.
    """
    if folder.exists() and not folder.is_dir():
        raise StateFolderError(
            f"--state {folder}: not a folder. Use the name of one, or a new name"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".gitignore").exists():
            _write(folder / ".gitignore", b"*\n", 0o644)
        key_file = folder / "private.key"
        if not key_file.exists():
            _write(key_file, make_keys()[0].encode(), 0o600)
        account = _account(folder / "account.json")
        return SavedState(_authority(folder), folder / "ca.pem", key_file, **account)


def _authority(folder: Path) -> tuple[bytes, bytes]:
    certificate, key = folder / "ca.pem", folder / "ca.key"
    if not (certificate.exists() and key.exists()):
        authority = trustme.CA()
        _write(key, authority.private_key_pem.bytes(), 0o600)
        _write(certificate, authority.cert_pem.bytes(), 0o644)
    pair = certificate.read_bytes(), key.read_bytes()
    try:
        trustme.CA.from_pem(*pair).issue_cert("localhost")
    except (ValueError, TypeError) as error:
        raise StateFolderError(
            f"--state {folder}: ca.pem or ca.key is not valid. Delete both to create new ones"
        ) from error
    return pair


def _account(path: Path) -> dict[str, str]:
    if not path.exists():
        values = (str(uuid.uuid4()), secrets.token_hex(8), secrets.token_hex(32))
        made = dict(zip(_ACCOUNT_FIELDS, values, strict=True))
        _write(path, json.dumps(made, indent=2).encode() + b"\n", 0o600)
    try:
        account = json.loads(path.read_bytes())
        fields = {name: account[name] for name in _ACCOUNT_FIELDS}
    except (ValueError, KeyError, TypeError) as error:
        raise StateFolderError(
            f"--state {path}: not valid. Delete it to create a new one"
        ) from error
    if not all(isinstance(value, str) and value for value in fields.values()):
        raise StateFolderError(f"--state {path}: not valid. Delete it to create a new one")
    return fields


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    temporary.replace(path)
