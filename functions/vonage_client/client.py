"""The Voice API: place calls, control them, and look them up.

`vonage_client.errors` lists the exceptions. Only a request that is safe to repeat is retried. After
401 every request is repeated once, with a new token, because Vonage did not carry it out.
"""

from __future__ import annotations

import random
import re
import time
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, SSLError

from vonage_client.errors import OutcomeUnknown, Unavailable, parse_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vonage_client.tokens import TokenSource

API_URL = "https://api.nexmo.com"
_ATTEMPTS = 3  # of a request that is safe to repeat
_PAUSE = 0.3  # the longest pause in seconds before the second attempt; twice that before the third
_UUID = re.compile(r"[0-9A-Fa-f-]{32,36}")


class Bearer(AuthBase):
    """Adds a token to a request. Passed as ``auth``, so that no .netrc file can replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def session() -> requests.Session:
    """Make the session that clients share: it reuses connections, and does not retry."""
    http = requests.Session()
    http.headers["User-Agent"] = "vonage-voice-sam"
    return http


class VoiceClient:
    """Vonage's Voice API, version 1.

    Every method may raise `VonageRefused`, `Unavailable`, `OutcomeUnknown` or `InvalidPrivateKey`.

    Parameters
    ----------
    http
        The session.
    tokens
        The tokens of the application.
    base_url
        Scheme and host of the API.
    timeout
        Seconds to connect, and seconds between two reads of the response.
    sleep, chance
        How to pause, and a random number from 0 up to 1 for the length of a pause.
    """

    def __init__(
        self,
        http: requests.Session,
        tokens: TokenSource,
        *,
        base_url: str = API_URL,
        timeout: tuple[float, float] = (2.0, 6.0),
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._sleep = sleep
        self._chance = chance

    # Calls

    def create_call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """Place a call. It is never retried.

        Parameters
        ----------
        call
            The request body (Voice API reference: createCall).

        Returns
        -------
        dict
            ``uuid``, ``status``, ``direction``, ``conversation_uuid``.
        """
        return self._request("POST", "/v1/calls", call)

    def list_calls(self, **filters: str | int) -> dict[str, Any]:
        """Return a page of calls (Voice API reference: getCalls).

        ``status``, ``date_start``, ``date_end``, ``page_size`` (1 to 100), ``record_index``,
        ``order`` (asc, desc), ``conversation_uuid``.
        """
        return self._request("GET", "/v1/calls", query=filters, repeatable=True)

    def get_call(self, uuid: str) -> dict[str, Any]:
        """Return Vonage's record of a call, which Vonage deletes after two days."""
        return self._request("GET", _path(uuid), repeatable=True)

    def hang_up(self, uuid: str) -> None:
        """End a call. It is not retried, because a second attempt would get 404."""
        self._modify(uuid, {"action": "hangup"})

    def mute(self, uuid: str) -> None:
        """Mute a leg, so that the other legs can't hear it."""
        self._modify(uuid, {"action": "mute"}, repeatable=True)

    def unmute(self, uuid: str) -> None:
        """Unmute a leg."""
        self._modify(uuid, {"action": "unmute"}, repeatable=True)

    def earmuff(self, uuid: str) -> None:
        """Earmuff a leg, so that it can't hear the other legs."""
        self._modify(uuid, {"action": "earmuff"}, repeatable=True)

    def unearmuff(self, uuid: str) -> None:
        """Unearmuff a leg."""
        self._modify(uuid, {"action": "unearmuff"}, repeatable=True)

    def transfer_to_url(self, uuid: str, url: str) -> None:
        """Transfer a leg to the NCCO at a URL."""
        self._modify(uuid, {"action": "transfer", "destination": {"type": "ncco", "url": [url]}})

    def transfer_to_ncco(self, uuid: str, ncco: Sequence[Mapping[str, Any]]) -> None:
        """Transfer a leg to an NCCO."""
        destination = {"type": "ncco", "ncco": list(ncco)}
        self._modify(uuid, {"action": "transfer", "destination": destination})

    # Audio and DTMF

    def start_talk(self, uuid: str, talk: Mapping[str, Any]) -> dict[str, Any]:
        """Speak to a call: ``text``, ``language``, ``style``, ``premium``, ``loop``, ``level``."""
        return self._request("PUT", _path(uuid, "/talk"), talk)

    def stop_talk(self, uuid: str) -> dict[str, Any]:
        """Stop speaking."""
        return self._request("DELETE", _path(uuid, "/talk"), repeatable=True)

    def start_stream(self, uuid: str, stream: Mapping[str, Any]) -> dict[str, Any]:
        """Play audio into a call: ``stream_url`` (a list of one), ``loop``, ``level``."""
        return self._request("PUT", _path(uuid, "/stream"), stream)

    def stop_stream(self, uuid: str) -> dict[str, Any]:
        """Stop playing audio."""
        return self._request("DELETE", _path(uuid, "/stream"), repeatable=True)

    def send_dtmf(self, uuid: str, digits: str) -> dict[str, Any]:
        """Send DTMF digits into a call: 0-9, * and #, p for a pause."""
        return self._request("PUT", _path(uuid, "/dtmf"), {"digits": digits})

    def subscribe_dtmf(self, uuid: str, event_url: str) -> None:
        """Subscribe a URL to each digit that is pressed (asynchronous input)."""
        body = {"event_url": [event_url]}
        self._request("PUT", _path(uuid, "/input/dtmf"), body, repeatable=True)

    def unsubscribe_dtmf(self, uuid: str) -> None:
        """Cancel the subscription to digits."""
        self._request("DELETE", _path(uuid, "/input/dtmf"), repeatable=True)

    # Requests

    def _modify(self, uuid: str, body: Mapping[str, Any], *, repeatable: bool = False) -> None:
        self._request("PUT", _path(uuid), body, repeatable=repeatable)

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
        repeatable: bool = False,
    ) -> dict[str, Any]:
        """Send a request, retry it if it is repeatable, and return the JSON object received."""
        if not repeatable:
            # An idle connection may have died while Lambda froze the environment, and a request on
            # it would leave open whether it was carried out.
            self._http.close()
        attempts = _ATTEMPTS if repeatable else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._attempt(method, path, body, query)
            except (Unavailable, OutcomeUnknown) as error:
                if attempt == attempts:
                    # A repeatable request has the same effect once or twice, so its outcome
                    # does not matter.
                    raise Unavailable(str(error), error.status) if repeatable else error from None
            self._sleep(self._chance() * _PAUSE * attempt)
        raise AssertionError("not reached")

    def _attempt(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
    ) -> dict[str, Any]:
        token = self._tokens.get()
        response = self._send(method, path, body, query, token)
        if response.status_code == 401:
            newer = self._tokens.refresh_after_401(token)
            if newer is not None:
                response = self._send(method, path, body, query, newer)
        return _parse_response(response)

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
        token: str,
    ) -> requests.Response:
        try:
            return self._http.request(
                method,
                self._base_url + path,
                json=body,
                params=query,
                auth=Bearer(token),
                allow_redirects=False,
                timeout=self._timeout,
            )
        except requests.RequestException as error:
            kind = type(error).__name__
            if _never_sent(error):
                raise Unavailable(f"Vonage was not reached: {kind}") from None
            raise OutcomeUnknown(f"the response from Vonage was lost: {kind}") from None


def _path(uuid: str, resource: str = "") -> str:
    if not _UUID.fullmatch(uuid):
        raise ValueError("not a call UUID; expected 32 hex digits, with or without dashes")
    return f"/v1/calls/{quote(uuid, safe='')}{resource}"


def _never_sent(error: requests.RequestException) -> bool:
    """Return whether no connection was made, so that nothing can have been carried out."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    if isinstance(cause, SSLError):  # other TLS errors may come after the request
        return bool(cause.args) and isinstance(cause.args[0], SSLCertVerificationError)
    return isinstance(cause, NewConnectionError | ConnectTimeoutError)


def _parse_response(response: requests.Response) -> dict[str, Any]:
    status = response.status_code
    if 200 <= status < 300:
        return _object(response)
    if 400 <= status < 500:
        raise parse_error(status, response.headers, response.content)
    trace = response.headers.get("x-nexmo-trace-id")
    raise OutcomeUnknown(f"Vonage responded {status}", status, trace)


def _object(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of a response; empty if it has none, as with 204."""
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
