"""Signs requests as Vonage signs its webhooks.

Vonage webhooks guide, signed webhooks: a JWT signed with HS256, with a hash of what is sent.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import jwt

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """A webhook request before it is signed; ``query`` as it stands in the URL."""

    method: str
    path: str
    query: str
    body: bytes


@dataclass(frozen=True)
class Signer:
    """Who signs: the account and the application, and the secret they share with the webhooks."""

    secret: str = field(repr=False)
    api_key: str
    application_id: str

    def token(self, sample: Sample, now: float | None = None) -> str:
        """Give the token for a request, issued at ``now``, seconds since 1970."""
        claims = {
            "iat": int(time.time() if now is None else now),
            "jti": str(uuid.uuid4()),
            "iss": "Vonage",
            "payload_hash": payload_hash(sample),
            "api_key": self.api_key,
            "application_id": self.application_id,
        }
        return jwt.encode(claims, self.secret, algorithm="HS256")


def payload_hash(sample: Sample) -> str:
    """Hash what a request carries: its body, or on GET its parameters as compact JSON, in order."""
    content = sample.body
    if sample.method == "GET":
        parameters = dict(parse_qsl(sample.query, keep_blank_values=True))
        content = _compact(parameters).encode()
    return hashlib.sha256(content).hexdigest()


def read_sample(path: Path, method: str | None = None) -> Sample:
    """Read a sample: a JSON object with ``method``, ``path``, ``query`` and ``body``.

    Parameters
    ----------
    path
        The file.
    method
        GET or POST, if not the sample's own; the fields then move between query and body, nested
        ones as JSON text.

    Raises
    ------
    ValueError
        If the file is not such an object.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    missing = {"method", "path", "query", "body"} - set(content)
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
    query, body = content["query"], content["body"]
    method = method or content["method"]
    if method == "GET" and body is not None:
        query = "&".join(filter(None, (query, urlencode(_texts(body)))))
    if method == "POST" and body is None:
        query, body = "", dict(parse_qsl(query, keep_blank_values=True))
    raw = b"" if method == "GET" else _compact(body).encode()
    return Sample(method, content["path"], query, raw)


def _texts(fields: dict[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else _compact(value) for name, value in fields.items()
    }


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
