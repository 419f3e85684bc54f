"""Client of Vonage's Application API v2 and Numbers API.

Both use the account's key and secret (Vonage authentication guide: basic).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests

from voicectl.errors import AccountApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_API = "https://api.nexmo.com"  # the Application API, for all regions
_REST = "https://rest.nexmo.com"  # the Numbers API
_TIMEOUT = (5, 20)  # seconds to connect, and between two chunks of the response
_ATTEMPTS = 3  # only on 429, which Vonage sends before it acts on a request
_LONGEST_WAIT = 15.0  # seconds
_PAGE = 100
_MOST_PAGES = 50
_MAX_RESPONSE = 4 * 1024 * 1024  # bytes

_ADVICE = {
    401: "Vonage rejected this key and secret. Check VONAGE_API_KEY and VONAGE_API_SECRET.",
    403: "Vonage denies this to the account. Ask its administrator, or use the primary API key.",
    404: "this Vonage account has no such application or number",
    429: "Vonage's rate limit is reached (HTTP 429). Try again in a minute.",
}


class VonageAccount:
    """A Vonage account.

    Parameters
    ----------
    api_key, api_secret
        The account's credentials.
    local
        The local platform's stack.json, to use its simulated Vonage.
    sleep
        Waits a number of seconds.
    session
        Sends the requests.
    """

    def __init__(
        self,
        api_key: str,
        api_secret: str,
        *,
        local: Mapping[str, Any] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        session: requests.Session | None = None,
    ) -> None:
        self.api_key = api_key
        self._url, self._rest_url = _API, _REST
        self._sleep = sleep
        self._session = session or requests.Session()
        self._session.auth = (api_key, api_secret)
        if local is not None:
            self._url = self._rest_url = str(local["vonage_tls_url"])
            self._session.verify = str(local["vonage_ca_file"])
            self._session.trust_env = False  # no proxy for loopback

    # Application API v2

    def application(self, application_id: str) -> dict[str, Any]:
        """Return an application as Vonage has it.

        Raises
        ------
        AccountApiError
            As from every method here, with what to do; status 404 if it does not exist.
        """
        return self._request("GET", f"{self._url}/v2/applications/{application_id}")

    def applications(self) -> list[dict[str, Any]]:
        """Return all applications of the account."""
        found: list[dict[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            query = {"page_size": str(_PAGE), "page": str(page)}
            response = self._request("GET", f"{self._url}/v2/applications", query=query)
            found += response.get("_embedded", {}).get("applications", [])
            if page >= int(response.get("total_pages", 1)):
                break
        return found

    def create(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Create an application, and return it with its id."""
        return self._request("POST", f"{self._url}/v2/applications", body=fields)

    def update(self, application_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an application; all that ``fields`` omits is deleted, except its key."""
        return self._request("PUT", f"{self._url}/v2/applications/{application_id}", body=fields)

    # Numbers API

    def number(self, msisdn: str) -> dict[str, Any] | None:
        """Return a number, or None if the account does not rent it."""
        query = {"pattern": msisdn, "search_pattern": "0", "size": str(_PAGE)}
        response = self._request("GET", f"{self._rest_url}/account/numbers", query=query)
        listed = response.get("numbers", [])
        return next((one for one in listed if one.get("msisdn") == msisdn), None)

    def numbers(self) -> list[dict[str, Any]]:
        """Return the first hundred numbers that the account rents."""
        response = self._request(
            "GET", f"{self._rest_url}/account/numbers", query={"size": str(_PAGE)}
        )
        found: list[dict[str, Any]] = response.get("numbers", [])
        return found

    def link(self, number: Mapping[str, Any], application_id: str) -> None:
        """Link a number, as returned by `number`, to an application."""
        self._update_number(number, {"app_id": application_id})

    def restore_link(self, number: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Link a number as it was when ``old`` was read: to an application, or otherwise."""
        names = ("app_id", "voiceCallbackType", "voiceCallbackValue")
        self._update_number(number, {name: str(old[name]) for name in names if old.get(name)})

    def _update_number(self, number: Mapping[str, Any], fields: Mapping[str, str]) -> None:
        form = {"country": str(number["country"]), "msisdn": str(number["msisdn"]), **fields}
        if number.get("moHttpUrl"):  # an update without it would clear it (Numbers API)
            form["moHttpUrl"] = str(number["moHttpUrl"])
        response = self._request("POST", f"{self._rest_url}/number/update", form=form)
        code = str(response.get("error-code", ""))
        if code != "200":
            label = str(response.get("error-code-label", ""))[:200]
            raise AccountApiError(
                f"Vonage did not update the number {number['msisdn']} ({code} {label}). Check it in"
                " the dashboard under Your numbers.",
                420,
            )

    def _request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        for attempt in range(1, _ATTEMPTS + 1):
            response = self._send(method, url, query, body, form)
            if response.status_code != 429 or attempt == _ATTEMPTS:
                break
            self._sleep(_wait(response.headers.get("Retry-After")))
        if response.status_code >= 400:
            raise _error(response)
        try:
            content = response.json() if response.content else {}
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise AccountApiError("Vonage's response is not a JSON object. Try again later.")
        return content

    def _send(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        form: Mapping[str, str] | None,
    ) -> requests.Response:
        try:
            with self._session.request(
                method,
                url,
                params=query,
                json=body,
                data=form,
                timeout=_TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = response.raw.read(_MAX_RESPONSE + 1, decode_content=True)
                if len(content) > _MAX_RESPONSE:
                    raise AccountApiError("Vonage's response is too long. Try again later.")
                response._content = content
                return response
        except requests.Timeout:
            raise AccountApiError(
                "Vonage did not respond in time, so it is unknown whether the change was made. Run"
                " the command again: it reads the current state first."
            ) from None
        except (requests.RequestException, OSError) as error:
            raise AccountApiError(
                f"Vonage cannot be reached ({type(error).__name__}). Check the network, and run the"
                " command again: it reads the current state first."
            ) from None


def _wait(retry_after: str | None) -> float:
    try:
        seconds = float(retry_after or 1)
    except ValueError:
        seconds = 1.0
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _error(response: requests.Response) -> AccountApiError:
    status = response.status_code
    if status >= 500:
        text = f"Vonage failed (HTTP {status}). Run the command again later."
    else:
        text = _ADVICE.get(status, f"Vonage rejected the request (HTTP {status})")
    return AccountApiError(text + _detail(response), status)


def _detail(response: requests.Response) -> str:
    """Return the invalid parameters that Vonage names (RFC 7807)."""
    try:
        body = response.json()
        wrong = [f"{one['name']} {one['reason']}" for one in body.get("invalid_parameters", [])]
    except (ValueError, AttributeError, KeyError, TypeError):
        return ""
    return f": {', '.join(wrong)[:300]}" if wrong else ""
