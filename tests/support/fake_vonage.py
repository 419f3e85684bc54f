"""A scripted Vonage API: an adapter for the library requests, and cached key pairs."""

from __future__ import annotations

import functools
import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"


class VonageResponse(NamedTuple):
    """A response of the Vonage API."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


def json_response(status: int, value: object, **headers: str) -> VonageResponse:
    """Return a response with a JSON body."""
    dashed = {name.replace("_", "-"): text for name, text in headers.items()}
    return VonageResponse(status, json.dumps(value).encode(), dashed)


class FakeVonage(BaseAdapter):
    """Return the responses in order, then repeat the last one. Exceptions are raised."""

    def __init__(self, *responses: VonageResponse | Exception) -> None:
        super().__init__()
        self._responses = list(responses)
        self.asked: list[requests.PreparedRequest] = []
        self.timeouts: list[Any] = []
        self.closed = 0

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        self.asked.append(request)
        self.timeouts.append(options.get("timeout"))
        scripted = self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]
        if isinstance(scripted, Exception):
            raise scripted
        response = requests.Response()
        response.status_code = scripted.status
        response.headers.update(scripted.headers)
        response.raw = HTTPResponse(io.BytesIO(scripted.body), preload_content=False)
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        self.closed += 1

    def session(self) -> requests.Session:
        """Return a session that sends every request here."""
        session = requests.Session()
        session.trust_env = False
        for scheme in ("https://", "http://"):
            session.mount(scheme, self)
        return session

    @property
    def tokens(self) -> list[str]:
        """The tokens of all requests, in order."""
        return [r.headers["Authorization"].removeprefix("Bearer ") for r in self.asked]


@functools.cache
def private_key(name: str) -> str:
    """Return a PEM private key, the same one for the same name."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def secret(name: str = "first", **changes: Any) -> str:
    """Return the value of the secret Application, with changes."""
    fields = {"application_id": APPLICATION, "private_key": private_key(name)}
    return json.dumps(fields | changes)


def claims(token: str, name: str = "first") -> dict[str, Any]:
    """Return a token's claims. Raise if another key signed it."""
    key = serialization.load_pem_private_key(private_key(name).encode(), None)
    found: dict[str, Any] = jwt.decode(
        token,
        key.public_key(),  # type: ignore[arg-type]
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False},
    )
    return found
