"""The owner's API of a stack: signed requests to it, and what its refusals mean.

The signature is AWS's Signature Version 4, by botocore's own signer. What is asked for is in the
commands; what the API answers is in docs/admin-api.md.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voicectl.context import Context

_TIMEOUT = (5, 35)  # seconds to connect, and for an answer: API Gateway gives up after 30
_ATTEMPTS = 4  # of a GET, which changes nothing
_PAUSE = 1.0  # seconds before a GET is repeated where the API names no time
_LONGEST_PAUSE = 10.0
_PASSING = (429, 503)
# Codes of problem details (docs/admin-api.md) that have a meaning of their own here.
_VONAGE_REFUSED = "vonage_refused"
_MAY_NOT_DIAL = ("not_allowed", "switched_off", "cap_spent")


class AdminApiError(VoicectlError):
    """The API answered with a refusal; the text says what it means and what to do.

    ``status`` and ``body`` are what the API answered.
    """

    def __init__(self, text: str, status: int, body: dict[str, Any]) -> None:
        super().__init__(text)
        self.status = status
        self.body = body


class AdminApiResponse(NamedTuple):
    """What the API answered; ``repeated`` where it had answered the same key before."""

    status: int
    body: Any
    repeated: bool


class AdminApi:
    """The owner's API at one address.

    Parameters
    ----------
    base_url
        The stack's output ``BaseUrl``.
    region
        The AWS region that signatures name.
    credentials
        botocore's credentials of whoever asks.
    session
        Sends the requests.
    sleep
        Makes pauses, in seconds.
    """

    def __init__(
        self,
        base_url: str,
        region: str,
        credentials: Any,
        *,
        session: requests.Session,
        sleep: Callable[[float], None],
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._region = region
        self._credentials = credentials
        self._session = session
        self._sleep = sleep

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Read something; give the answer's JSON. What passes (429, 503) is waited for.

        Raises
        ------
        Refused, ConnectError
            With what to do.
        """
        # A space is %20 in the signature, and not the plus of forms.
        text = f"?{urlencode(query, quote_via=quote)}" if query else ""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._send("GET", f"{path}{text}").body
            except _Passing as passing:
                if attempt == _ATTEMPTS:
                    raise passing.refused from None
                self._sleep(passing.pause)
        raise AssertionError("unreachable")

    def change(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> AdminApiResponse:
        """Change something, once: nothing that was sent is repeated.

        Parameters
        ----------
        method
            ``PUT`` or ``DELETE``.
        version
            What holds now, as far as the asker knows; if it does not, nothing is changed.

        Raises
        ------
        Refused, ConnectError
            With what to do.
        """
        try:
            return self._send(method, path, body, version=version)
        except _Passing as passing:
            raise passing.refused from None

    def place(self, body: Mapping[str, Any], key: str) -> AdminApiResponse:
        """Place a call, once for each key.

        Raises
        ------
        Refused, ConnectError
            With what to do.
        """
        try:
            return self._send("POST", "/calls", body, key)
        except _Passing as passing:
            raise passing.refused from None

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
        version: str | None = None,
    ) -> AdminApiResponse:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        if version is not None:
            headers["If-Match"] = version
        try:
            response = self._session.request(
                method,
                f"{self._base_url}{path}",
                data=b"" if body is None else json.dumps(body).encode(),
                headers=headers,
                auth=self._sign,
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
            content = response.content
        except requests.RequestException as error:
            raise _unreached(self._base_url, method, key, error) from None
        answer = _json(content)
        if response.status_code < 300:
            repeated = response.headers.get("Idempotent-Replayed") == "true"
            return AdminApiResponse(response.status_code, answer, repeated)
        told = answer if isinstance(answer, dict) else {}
        pause = _seconds(response.headers.get("Retry-After"))
        refused = AdminApiError(
            _meaning(response.status_code, told, key, pause), response.status_code, told
        )
        if response.status_code in _PASSING:
            raise _Passing(refused, min(pause, _LONGEST_PAUSE))
        raise refused

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request as it goes out, and leave no room for keys from a .netrc file."""
        signed = ("content-type", "idempotency-key", "if-match")
        made = AWSRequest(
            request.method,
            request.url,
            {name: value for name, value in request.headers.items() if name.lower() in signed},
            request.body or b"",
        )
        # Frozen for each request anew, since temporary ones are refreshed meanwhile.
        keys = self._credentials.get_frozen_credentials()
        SigV4Auth(keys, "execute-api", self._region).add_auth(made)
        request.headers.update(dict(made.headers.items()))
        return request


class _Passing(Exception):
    """A refusal that may pass within ``pause`` seconds."""

    def __init__(self, refused: AdminApiError, pause: float) -> None:
        super().__init__(str(refused))
        self.refused = refused
        self.pause = pause


def admin_api(context: Context) -> AdminApi:
    """Give the owner's API of the stack that was chosen.

    Raises
    ------
    NoCredentialsError
        If there are no AWS credentials to sign with.
    """
    stack = context.stack
    credentials = stack.session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    session = requests.Session()
    session.trust_env = not stack.local  # no proxy leads to this machine
    return AdminApi(stack.base_url, stack.region, credentials, session=session, sleep=context.sleep)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else _PAUSE


def _unreached(base_url: str, method: str, key: str | None, error: Exception) -> VoicectlError:
    """Say that no answer came: the request may have been carried out or not."""
    slow = isinstance(error, requests.Timeout)
    said = f"{base_url} {'did not answer in time' if slow else 'was not reached'}"
    if key is not None:
        return VoicectlError(
            f"{said}, so it is not known whether the call was placed."
            f" Run it again with --key {key}: one key never rings twice."
        )
    if method == "GET":
        return VoicectlError(f"{said}. Look at the stack's BaseUrl and at your connection.")
    return VoicectlError(
        f"{said}, so it is not known whether this was carried out."
        " Look (at a call with `timeline`) before you run it again."
    )


# What refusals mean


def _meaning(status: int, body: dict[str, Any], key: str | None, pause: float) -> str:
    """Say in a sentence or two what a refusal means and what to do."""
    said = str(body.get("detail") or body.get("message") or "").rstrip(".")
    if body.get("code") == _VONAGE_REFUSED and status < 500:
        return _vonage_refused(said, body)
    if status == 409 and "state" in body:
        return (
            "It is not known whether the call of this key was placed, and it was not dialled again."
            f" Look with `python -m voicectl calls --since {body.get('since')}`;"
            " if it is not there, call with a new key."
        )
    if status == 403:
        return _forbidden(said, body)
    if status == 429:
        spent = " with a new key" if key else ""
        return (
            "Too many requests at once; nothing was carried out."
            f" Run it again{spent} in {pause:.0f} s."
        )
    if status == 503:
        with_key = f" with --key {key}, which never rings twice" if key else ""
        return f"AWS did not take it now ({said or 'no reason given'}). Run it again{with_key}."
    return _other(status, said, key)


def _vonage_refused(said: str, body: dict[str, Any]) -> str:
    fields = [f"{one.get('field')}: {one.get('reason')}" for one in body.get("invalid") or []]
    told = "; ".join([said, *fields])
    return f"Vonage refused it: {told}. Mend that and run it again; a new call needs a new key."


def _forbidden(said: str, body: dict[str, Any]) -> str:
    if body.get("code") in _MAY_NOT_DIAL:
        return (
            f"The stack may not dial this, and nothing was dialled: {said}. What it may dial is in"
            ' its parameters and its switchboard: docs/admin-api.md, "Who may be called".'
        )
    return (
        "AWS refused the signature. Your AWS identity needs execute-api:Invoke on this API, and"
        " this machine's clock and the region must be right: `python -m voicectl doctor` looks."
    )


def _other(status: int, said: str, key: str | None) -> str:
    again = f" Run it again with --key {key}, which never rings twice." if key else ""
    meanings = {
        400: f"The API does not take this: {said}. Mend that and run it again.",
        404: f"{said or 'There is nothing of this name'}.",
        412: (
            "Somebody changed the switchboard meanwhile, and nothing was changed now."
            " Run it again to see what it says."
        ),
        413: "The request is larger than the 256 KiB that the API takes. Send a smaller one.",
        422: (
            "This key came with another request before, and nothing was dialled."
            " Leave --key out for a new call."
        ),
        502: (
            f"Vonage was not asked, or refused the stack's key: {said}."
            " `python -m voicectl doctor` says what is wrong; a new call needs a new key."
        ),
        504: (
            f"{said}. Look with `python -m voicectl calls`"
            f"{f', or ask what is known with --key {key}' if key else ''}."
        ),
    }
    unknown = f"The API failed ({status}); the log of its function says why.{again}"
    return meanings.get(status, unknown)
