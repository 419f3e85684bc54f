"""Read sample requests, and sign them as Vonage signs webhooks.

Vonage webhooks guide, signed webhooks: a JWT signed with HS256, with a hash of the payload.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import jwt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Characters that need no encoding in a URL (RFC 3986). A path must not begin with two slashes,
# which would start a host.
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%-][A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,2000})?")
_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,8000}")


@dataclass(frozen=True)
class Sample:
    """A webhook request before it is signed; ``query`` is URL-encoded."""

    method: str
    path: str
    query: str
    body: bytes


@dataclass(frozen=True)
class Signer:
    """A signer of webhooks: an account, its signature secret and an application."""

    secret: str = field(repr=False)
    api_key: str
    application_id: str

    def token(self, sample: Sample, now: float | None = None) -> str:
        """Return the JWT for a request, issued at ``now``, in seconds since 1970."""
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
    """Return the hash of a request's body; on GET, of its parameters as compact JSON, in order."""
    content = sample.body
    if sample.method == "GET":
        parameters = dict(parse_qsl(sample.query, keep_blank_values=True))
        content = _compact(parameters).encode()
    return hashlib.sha256(content).hexdigest()


def read_sample(path: Path, method: str | None = None) -> Sample:
    """Read a sample request: a JSON object with ``method``, ``path``, ``query`` and ``body``.

    Parameters
    ----------
    path
        The file.
    method
        GET or POST, to override the sample's method. The fields then move between query and body;
        nested ones become JSON text.

    Raises
    ------
    ValueError
        If the file does not contain such an object.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not contain a JSON object")
    return make_sample(content | ({"method": method} if method else {}))


def make_sample(content: Mapping[str, Any]) -> Sample:
    """Build a sample request from ``method``, ``path``, ``query`` and ``body``.

    Parameters
    ----------
    content
        The method is GET or POST. The path and the query are URL-encoded. The body is a string,
        which is sent unchanged, or a JSON value. On GET, its fields become query parameters. On
        POST, the body None means the query's parameters.

    Raises
    ------
    ValueError
        If a field is missing or has the wrong type.
    """
    missing = {"method", "path", "query", "body"} - set(content)
    if missing:
        raise ValueError(f"{', '.join(sorted(missing))} is missing")
    method, path, query, body = (content[name] for name in ("method", "path", "query", "body"))
    if method not in ("GET", "POST"):
        raise ValueError("method must be GET or POST")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise ValueError("path must begin with a slash and be URL-encoded")
    if not isinstance(query, str) or not _QUERY.fullmatch(query):
        raise ValueError("query must be URL-encoded, without the question mark")
    if method == "GET" and body is not None:
        if not isinstance(body, dict):
            raise ValueError("body must be an object or null if the method is GET")
        query = "&".join(filter(None, (query, urlencode(_texts(body)))))
    if method == "POST" and body is None:
        query, body = "", dict(parse_qsl(query, keep_blank_values=True))
    if method == "GET":
        return Sample(method, path, query, b"")
    text = body if isinstance(body, str) else _compact(body)
    return Sample(method, path, query, text.encode())


def _texts(fields: dict[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else _compact(value) for name, value in fields.items()
    }


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
