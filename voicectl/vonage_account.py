"""The two APIs with which a Vonage account is set up: Application API v2 and Numbers API.

Both take the account's key and secret (Vonage authentication guide: basic). Calls are not placed
from here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests

from voicectl.errors import AccountApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_API = "https://api.nexmo.com"  # the Application API, whatever region calls are in
_REST = "https://rest.nexmo.com"  # the Numbers API
_TIMEOUT = (5, 20)  # seconds to connect, and between two pieces of the answer
_ATTEMPTS = 3  # where Vonage answers 429, which it does before it does anything
_LONGEST_WAIT = 15.0  # seconds
_PAGE = 100
_MOST_PAGES = 50
_LONGEST_ANSWER = 4 * 1024 * 1024

_ADVICE = {
    401: "Vonage does not know this key and secret: look at VONAGE_API_KEY and VONAGE_API_SECRET",
    403: "Vonage lets this account not do that: ask its owner, or use the account's master key",
    404: "Vonage has no such thing in this account",
    429: "Vonage asks for patience: run it again in a minute",
}


class VonageAccount:
    """An account at Vonage.

    Parameters
    ----------
    api_key, api_secret
        Who asks.
    local
        What the local platform tells of itself, where its simulated Vonage is meant.
    sleep
        Waits some seconds.
    session
        What requests are made with.
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
            self._session.trust_env = False  # no proxy leads to this machine

    # Application API v2

    def application(self, application_id: str) -> dict[str, Any]:
        """Give an application as Vonage has it.

        Raises
        ------
        VonageRefused
            As from every method here, with what to do; 404 if there is none.
        """
        return self._ask("GET", f"{self._url}/v2/applications/{application_id}")

    def applications(self) -> list[dict[str, Any]]:
        """Give every application of the account."""
        found: list[dict[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            wanted = {"page_size": str(_PAGE), "page": str(page)}
            answer = self._ask("GET", f"{self._url}/v2/applications", query=wanted)
            found += answer.get("_embedded", {}).get("applications", [])
            if page >= int(answer.get("total_pages", 1)):
                break
        return found

    def create(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Make an application, and give it with its id."""
        return self._ask("POST", f"{self._url}/v2/applications", body=fields)

    def update(self, application_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an application: what ``fields`` lacks is gone, its key excepted."""
        return self._ask("PUT", f"{self._url}/v2/applications/{application_id}", body=fields)

    # Numbers API

    def number(self, msisdn: str) -> dict[str, Any] | None:
        """Give a number that the account rents, None if it does not."""
        wanted = {"pattern": msisdn, "search_pattern": "0", "size": str(_PAGE)}
        answer = self._ask("GET", f"{self._rest_url}/account/numbers", query=wanted)
        listed = answer.get("numbers", [])
        return next((one for one in listed if one.get("msisdn") == msisdn), None)

    def numbers(self) -> list[dict[str, Any]]:
        """Give the numbers that the account rents, the first hundred."""
        answer = self._ask("GET", f"{self._rest_url}/account/numbers", query={"size": str(_PAGE)})
        found: list[dict[str, Any]] = answer.get("numbers", [])
        return found

    def link(self, number: Mapping[str, Any], application_id: str) -> None:
        """Lead a number, as `number` gave it, to an application."""
        self._update_number(number, {"app_id": application_id})

    def route(self, number: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Lead a number to where it led when ``old`` was read: an application, or anything else."""
        names = ("app_id", "voiceCallbackType", "voiceCallbackValue")
        self._update_number(number, {name: str(old[name]) for name in names if old.get(name)})

    def _update_number(self, number: Mapping[str, Any], fields: Mapping[str, str]) -> None:
        form = {"country": str(number["country"]), "msisdn": str(number["msisdn"]), **fields}
        if number.get("moHttpUrl"):  # an update without it would clear it (Numbers API)
            form["moHttpUrl"] = str(number["moHttpUrl"])
        answer = self._ask("POST", f"{self._rest_url}/number/update", form=form)
        code = str(answer.get("error-code", ""))
        if code != "200":
            label = str(answer.get("error-code-label", ""))[:200]
            raise AccountApiError(
                f"Vonage did not lead {number['msisdn']} elsewhere ({code} {label}): look at the"
                " number in the dashboard, Your numbers",
                420,
            )

    def _ask(
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
            raise _refusal(response)
        try:
            answer = response.json() if response.content else {}
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise AccountApiError("Vonage's answer is not JSON: run it again later")
        return answer

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
                content = response.raw.read(_LONGEST_ANSWER + 1, decode_content=True)
                if len(content) > _LONGEST_ANSWER:
                    raise AccountApiError("Vonage's answer is too long to be one")
                response._content = content
                return response
        except requests.Timeout:
            raise AccountApiError(
                "Vonage did not answer in time; whether it did what was asked is not known. Run"
                " the command again: it looks before it changes anything"
            ) from None
        except (requests.RequestException, OSError) as error:
            raise AccountApiError(
                f"Vonage cannot be reached ({type(error).__name__}): look at the network, and run"
                " the command again: it looks before it changes anything"
            ) from None


def _wait(retry_after: str | None) -> float:
    try:
        seconds = float(retry_after or 1)
    except ValueError:
        seconds = 1.0
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _refusal(response: requests.Response) -> AccountApiError:
    status = response.status_code
    if status >= 500:
        text = f"Vonage has a fault of its own (HTTP {status}): run the command again in a while"
    else:
        text = _ADVICE.get(status, f"Vonage refused (HTTP {status})")
    return AccountApiError(text + _detail(response), status)


def _detail(response: requests.Response) -> str:
    """Give what Vonage says of a request that is wrong (RFC 7807)."""
    try:
        body = response.json()
        wrong = [f"{one['name']} {one['reason']}" for one in body.get("invalid_parameters", [])]
    except (ValueError, AttributeError, KeyError, TypeError):
        return ""
    return f": {', '.join(wrong)[:300]}" if wrong else ""
