"""Signed requests to the admin API, and what its errors mean.

botocore signs them (AWS Signature Version 4). docs/admin-api.md describes the API.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from records.event import parse_event
from records.timeline import build_timeline, timeline_as_json
from voicectl.command_line import command_line
from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voicectl.context import Context

_TIMEOUT = (5, 35)  # seconds to connect and to respond: API Gateway's own timeout is 30
_ATTEMPTS = 4  # for GET requests, which change nothing
_PAUSE = 1.0  # seconds before a retry if the response has no Retry-After
_LONGEST_PAUSE = 10.0
_TRANSIENT = (429, 503)
# Codes of problem details (docs/admin-api.md) with their own explanation here.
_VONAGE_REFUSED = "vonage_refused"
_NOT_ALLOWED = ("not_allowed", "switched_off", "cap_spent")


class AdminApiError(VoicectlError):
    """An error response; the text says what it means and what to do.

    ``status`` and ``body`` are those of the response.
    """

    def __init__(self, text: str, status: int, body: dict[str, Any]) -> None:
        super().__init__(text)
        self.status = status
        self.body = body


class AdminApiResponse(NamedTuple):
    """A success response; ``repeated`` if it replays an earlier response to the same key."""

    status: int
    body: Any
    repeated: bool


class AdminApi:
    """Client of the admin API at one address.

    Parameters
    ----------
    base_url
        The stack's output ``BaseUrl``.
    region
        The AWS region to sign for.
    credentials
        Your AWS credentials, as botocore's object.
    session
        Sends the requests.
    sleep
        Waits a number of seconds.
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
        """Return the JSON of a GET request; 429 and 503 are retried.

        Raises
        ------
        AdminApiError, VoicectlError
            With what to do.
        """
        # Signature Version 4 encodes a space as %20, unlike forms.
        text = f"?{urlencode(query, quote_via=quote)}" if query else ""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._send("GET", f"{path}{text}").body
            except _TransientError as transient:
                if attempt == _ATTEMPTS:
                    raise transient.error from None
                self._sleep(transient.pause)
        raise AssertionError("unreachable")

    def timeline(self, uuid: str) -> dict[str, Any]:
        """Return the legs and events of a call, from all pages of its timeline.

        Raises
        ------
        AdminApiError, VoicectlError
            With what to do.
        """
        path = f"/calls/{uuid}/events"
        page: dict[str, Any] = self.get(path)
        if page.get("next") is None:  # a stack of an earlier version has no pages
            return page
        events = page["events"]
        while page["next"] is not None:
            page = self.get(path, {"cursor": page["next"]})
            events += page["events"]
        whole = build_timeline(parse_event(event["fields"]) for event in events)
        return {**timeline_as_json(whole), "complete": True, "next": None}

    def change(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> AdminApiResponse:
        """Send a request that changes something, without retries.

        Parameters
        ----------
        method
            ``PUT`` or ``DELETE``.
        version
            The version that you expect to replace; with any other, nothing is changed.

        Raises
        ------
        AdminApiError, VoicectlError
            With what to do.
        """
        try:
            return self._send(method, path, body, version=version)
        except _TransientError as transient:
            raise transient.error from None

    def place(self, body: Mapping[str, Any], key: str) -> AdminApiResponse:
        """Place a call, once for each idempotency key.

        Raises
        ------
        AdminApiError, VoicectlError
            With what to do.
        """
        try:
            return self._send("POST", "/calls", body, key)
        except _TransientError as transient:
            raise transient.error from None

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
        status, value = response.status_code, _json(content)
        if status < 300:
            repeated = response.headers.get("Idempotent-Replayed") == "true"
            return AdminApiResponse(status, value, repeated)
        problem = value if isinstance(value, dict) else {}
        pause = _seconds(response.headers.get("Retry-After"))
        failure = AdminApiError(_meaning(status, problem, key, pause), status, problem)
        if status in _TRANSIENT:
            raise _TransientError(failure, min(pause, _LONGEST_PAUSE))
        raise failure

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request; as the session's `auth`, this keeps .netrc credentials out."""
        signed = ("content-type", "idempotency-key", "if-match")
        aws_request = AWSRequest(
            request.method,
            request.url,
            {name: value for name, value in request.headers.items() if name.lower() in signed},
            request.body or b"",
        )
        # Frozen for each request, since botocore refreshes temporary credentials.
        keys = self._credentials.get_frozen_credentials()
        SigV4Auth(keys, "execute-api", self._region).add_auth(aws_request)
        request.headers.update(dict(aws_request.headers.items()))
        return request


class _TransientError(Exception):
    """An error that may pass within ``pause`` seconds."""

    def __init__(self, error: AdminApiError, pause: float) -> None:
        super().__init__(str(error))
        self.error = error
        self.pause = pause


def admin_api(context: Context) -> AdminApi:
    """Return a client of the selected stack's admin API.

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
    session.trust_env = not stack.local  # no proxy for loopback
    return AdminApi(stack.base_url, stack.region, credentials, session=session, sleep=context.sleep)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else _PAUSE


def _unreached(base_url: str, method: str, key: str | None, error: Exception) -> VoicectlError:
    """Build the error for a request without a response, which may have been carried out."""
    slow = isinstance(error, requests.Timeout)
    problem = f"{base_url} {'did not respond in time' if slow else 'could not be reached'}"
    if key is not None:
        return VoicectlError(
            f"{problem}, so it is unknown whether the call was placed."
            f" Run the command again with --key {key}: the same key never dials twice."
        )
    if method == "GET":
        return VoicectlError(f"{problem}. Check the stack's BaseUrl and your connection.")
    return VoicectlError(
        f"{problem}, so it is unknown whether the change was made."
        f" Check (for a call, with `{command_line('timeline')}`) before you run the command again."
    )


# What refusals mean


def _meaning(status: int, body: dict[str, Any], key: str | None, pause: float) -> str:
    """Return what an error response means and what to do, in one line."""
    detail = str(body.get("detail") or body.get("message") or "").rstrip(".")
    if body.get("code") == _VONAGE_REFUSED and status < 500:
        return _vonage_refused(detail, body)
    if status == 409 and "state" in body:
        return (
            "It is unknown whether the call with this key was placed, and it was not dialed again."
            f" Check with `{command_line('calls --since ' + str(body.get('since')))}`;"
            " if the call is not listed, place it with a new key."
        )
    if status == 403:
        return _forbidden(detail, body)
    if status == 404 and "title" not in body:  # from API Gateway, which has no such route
        return "The stack has no such route. Deploy this checkout (sam build && sam deploy)."
    if status == 429:
        new_key = " with a new key" if key else ""
        return (
            "Too many requests; nothing was changed or dialed."
            f" Run the command again{new_key} in {pause:.0f} s."
        )
    if status == 503:
        same_key = f" with --key {key}, which never dials twice" if key else ""
        return (
            f"AWS is temporarily unavailable ({detail or 'no reason given'})."
            f" Run the command again{same_key}."
        )
    return _other(status, detail, key)


def _vonage_refused(detail: str, body: dict[str, Any]) -> str:
    fields = [f"{one.get('field')}: {one.get('reason')}" for one in body.get("invalid") or []]
    reasons = "; ".join([detail, *fields])
    return (
        f"Vonage rejected the request: {reasons}. Fix it and run the command again;"
        " a new call needs a new key."
    )


def _forbidden(detail: str, body: dict[str, Any]) -> str:
    if body.get("code") in _NOT_ALLOWED:
        return (
            f"This call is not allowed, and nothing was dialed: {detail}. The stack's parameters"
            ' and its switchboard decide: docs/admin-api.md, "Who may be called".'
        )
    return (
        "AWS denied the request. Your AWS identity needs execute-api:Invoke on this API, and this"
        f" machine's clock and the region must be right. `{command_line('doctor')}` checks them."
    )


def _other(status: int, detail: str, key: str | None) -> str:
    again = f" Run the command again with --key {key}, which never dials twice." if key else ""
    meanings = {
        400: f"Invalid request: {detail}. Fix it and run the command again.",
        404: f"{detail or 'Not found'}.",
        412: (
            "The switchboard was changed by someone else, and nothing was stored."
            " Run the command again to see the current version."
        ),
        413: "The request is larger than 256 KiB, the API's limit. Send a smaller one.",
        422: (
            "This key was used for a different request, and nothing was dialed."
            " Omit --key for a new call."
        ),
        502: (
            f"Vonage could not be reached, or rejected the stack's key: {detail}."
            f" Run `{command_line('doctor')}` to find out why; a new call needs a new key."
        ),
        504: (
            f"{detail}. Check with `{command_line('calls')}`"
            f"{f', or run the command again with --key {key}' if key else ''}."
        ),
    }
    unknown = f"The API failed ({status}). See the log of the calls function.{again}"
    return meanings.get(status, unknown)
