"""A Vonage that answers as it is told: an adapter for requests, and keys made once."""

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
    """What Vonage answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


def json_response(status: int, value: object, **headers: str) -> VonageResponse:
    """Give an answer with a JSON body."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return VonageResponse(status, json.dumps(value).encode(), named)


class FakeVonage(BaseAdapter):
    """Gives its answers in turn, the last one for ever; what is an exception is raised."""

    def __init__(self, *answers: VonageResponse | Exception) -> None:
        super().__init__()
        self._answers = list(answers)
        self.asked: list[requests.PreparedRequest] = []
        self.timeouts: list[Any] = []
        self.closed = 0

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        self.asked.append(request)
        self.timeouts.append(options.get("timeout"))
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, Exception):
            raise given
        response = requests.Response()
        response.status_code = given.status
        response.headers.update(given.headers)
        response.raw = HTTPResponse(io.BytesIO(given.body), preload_content=False)
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        self.closed += 1

    def session(self) -> requests.Session:
        """Give a session in which every address is this."""
        made = requests.Session()
        made.trust_env = False
        for scheme in ("https://", "http://"):
            made.mount(scheme, self)
        return made

    @property
    def tokens(self) -> list[str]:
        """The tokens of all requests, in order."""
        return [r.headers["Authorization"].removeprefix("Bearer ") for r in self.asked]


@functools.cache
def private_key(name: str) -> str:
    """Give a private key in PEM, the same for the same name."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def secret(name: str = "first", **changes: Any) -> str:
    """Give the text of the application's secret, with changes."""
    filled = {"application_id": APPLICATION, "private_key": private_key(name)}
    return json.dumps(filled | changes)


def claims(token: str, name: str = "first") -> dict[str, Any]:
    """Give a token's claims, if this key signed it; raises if another one did."""
    key = serialization.load_pem_private_key(private_key(name).encode(), None)
    found: dict[str, Any] = jwt.decode(
        token,
        key.public_key(),  # type: ignore[arg-type]
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False},
    )
    return found
