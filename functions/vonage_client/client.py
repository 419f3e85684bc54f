"""The Voice API: placing calls, steering them, asking about them.

What goes wrong is told by `vonage_client.errors`. A request is repeated by itself only where that
changes nothing; after 401 any request is, once, with the key fetched anew, since a refused one was
not carried out.
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
    from vonage_client.url_allowlist import UrlAllowlist

API_URL = "https://api.nexmo.com"
_ATTEMPTS = 3  # of a request that may be repeated
_PAUSE = 0.3  # seconds before the second attempt at most, twice as many before the third
_UUID = re.compile(r"[0-9A-Fa-f-]{32,36}")


class Bearer(AuthBase):
    """Puts a token on a request. Given as ``auth``, so that no .netrc file can replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def session() -> requests.Session:
    """Make the session that clients share: kept connections, nothing repeated below us."""
    made = requests.Session()
    made.headers["User-Agent"] = "vonage-voice-sam"
    return made


class VoiceClient:
    """Vonage's Voice API, version 1.

    Every method raises `VonageError`: `VonageRefused` with Vonage's own words, `Unavailable` where
    nothing was carried out, `OutcomeUnknown` where nobody knows, `KeyUnusable`.

    Parameters
    ----------
    http
        The session; tests give one with an adapter of theirs.
    tokens
        The application's tokens.
    base_url
        Scheme and host of the API.
    timeout
        Seconds to connect, and seconds between two pieces of the answer.
    sleep, chance
        How pauses are made, and a random source for their length.
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

    def at(self, region_url: str, guard: UrlAllowlist) -> VoiceClient:
        """Give a client for the region that handles a call, as ``region_url`` of an event says.

        Raises
        ------
        UrlRefused
            If that is no host of Vonage's: the token must not go there.
        """
        return VoiceClient(
            self._http,
            self._tokens,
            base_url=guard.base(region_url),
            timeout=self._timeout,
            sleep=self._sleep,
            chance=self._chance,
        )

    # Calls

    def create_call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """Place a call: never repeated by itself.

        Parameters
        ----------
        call
            The request as the Voice API has it (Voice API reference: createCall).

        Returns
        -------
        dict
            ``uuid``, ``status``, ``direction``, ``conversation_uuid``.
        """
        # A connection kept from before may have died while the function slept, and then nobody
        # could tell whether the call was placed.
        self._http.close()
        return self._ask("POST", "/v1/calls", call)

    def list_calls(self, **filters: str | int) -> dict[str, Any]:
        """Give a page of calls (Voice API reference: getCalls).

        ``status``, ``date_start``, ``date_end``, ``page_size`` (1 to 100), ``record_index``,
        ``order`` (asc, desc), ``conversation_uuid``.
        """
        return self._ask("GET", "/v1/calls", query=filters, repeatable=True)

    def get_call(self, uuid: str) -> dict[str, Any]:
        """Give what Vonage knows of a call; it forgets after two days."""
        return self._ask("GET", _path(uuid), repeatable=True)

    def hang_up(self, uuid: str) -> None:
        """End a call. Not repeated: the second attempt would be told that there is no such call."""
        self._modify(uuid, {"action": "hangup"})

    def mute(self, uuid: str) -> None:
        """Let the others no longer hear this leg."""
        self._modify(uuid, {"action": "mute"}, repeatable=True)

    def unmute(self, uuid: str) -> None:
        """Let the others hear this leg again."""
        self._modify(uuid, {"action": "unmute"}, repeatable=True)

    def earmuff(self, uuid: str) -> None:
        """Let this leg no longer hear the others."""
        self._modify(uuid, {"action": "earmuff"}, repeatable=True)

    def unearmuff(self, uuid: str) -> None:
        """Let this leg hear the others again."""
        self._modify(uuid, {"action": "unearmuff"}, repeatable=True)

    def transfer_to_url(self, uuid: str, url: str) -> None:
        """Let a leg go on with the NCCO at an address."""
        self._modify(uuid, {"action": "transfer", "destination": {"type": "ncco", "url": [url]}})

    def transfer_to_ncco(self, uuid: str, ncco: Sequence[Mapping[str, Any]]) -> None:
        """Let a leg go on with an NCCO."""
        destination = {"type": "ncco", "ncco": list(ncco)}
        self._modify(uuid, {"action": "transfer", "destination": destination})

    # Sounds and keys

    def start_talk(self, uuid: str, talk: Mapping[str, Any]) -> dict[str, Any]:
        """Speak to a call: ``text``, ``language``, ``style``, ``premium``, ``loop``, ``level``."""
        return self._ask("PUT", _path(uuid, "/talk"), talk)

    def stop_talk(self, uuid: str) -> dict[str, Any]:
        """Stop speaking."""
        return self._ask("DELETE", _path(uuid, "/talk"), repeatable=True)

    def start_stream(self, uuid: str, stream: Mapping[str, Any]) -> dict[str, Any]:
        """Play audio into a call: ``stream_url`` (a list of one), ``loop``, ``level``."""
        return self._ask("PUT", _path(uuid, "/stream"), stream)

    def stop_stream(self, uuid: str) -> dict[str, Any]:
        """Stop playing."""
        return self._ask("DELETE", _path(uuid, "/stream"), repeatable=True)

    def send_dtmf(self, uuid: str, digits: str) -> dict[str, Any]:
        """Send keys into a call: 0-9, * and #, p for a pause."""
        return self._ask("PUT", _path(uuid, "/dtmf"), {"digits": digits})

    def subscribe_dtmf(self, uuid: str, event_url: str) -> None:
        """Have each key that is pressed sent to an address (asynchronous input)."""
        body = {"event_url": [event_url]}
        self._ask("PUT", _path(uuid, "/input/dtmf"), body, repeatable=True)

    def unsubscribe_dtmf(self, uuid: str) -> None:
        """Have keys sent no longer."""
        self._ask("DELETE", _path(uuid, "/input/dtmf"), repeatable=True)

    # How a request is made

    def _modify(self, uuid: str, body: Mapping[str, Any], *, repeatable: bool = False) -> None:
        self._ask("PUT", _path(uuid), body, repeatable=repeatable)

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
        repeatable: bool = False,
    ) -> dict[str, Any]:
        """Make a request, as often as it may be made, and give its answer's JSON object."""
        attempts = _ATTEMPTS if repeatable else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._ask_once(method, path, body, query)
            except (Unavailable, OutcomeUnknown) as error:
                if attempt == attempts:
                    # What may be repeated changes nothing when it is, so nothing is unknown.
                    raise Unavailable(str(error), error.status) if repeatable else error from None
            self._sleep(self._chance() * _PAUSE * attempt)
        raise AssertionError("not reached")

    def _ask_once(
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
        return _answer(response)

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
            raise OutcomeUnknown(f"Vonage's answer got lost: {kind}") from None


def _path(uuid: str, what: str = "") -> str:
    if not _UUID.fullmatch(uuid):
        raise ValueError("not the identifier of a call")
    return f"/v1/calls/{quote(uuid, safe='')}{what}"


def _never_sent(error: requests.RequestException) -> bool:
    """Say whether no connection was made, so that nothing can have been carried out."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    if isinstance(cause, SSLError):  # other faults of TLS may come after the request
        return bool(cause.args) and isinstance(cause.args[0], SSLCertVerificationError)
    return isinstance(cause, NewConnectionError | ConnectTimeoutError)


def _answer(response: requests.Response) -> dict[str, Any]:
    status = response.status_code
    if 200 <= status < 300:
        return _object(response)
    if 400 <= status < 500:
        raise parse_error(status, response.headers, response.content)
    trace = response.headers.get("x-nexmo-trace-id")
    raise OutcomeUnknown(f"Vonage answered {status}", status, trace)


def _object(response: requests.Response) -> dict[str, Any]:
    """Give the JSON object of an answer; empty where there is none, as after 204."""
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
