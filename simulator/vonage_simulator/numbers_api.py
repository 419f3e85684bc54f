"""The Numbers API: list, search, buy, cancel and update numbers.

For sale are numbers that regulators reserve for fiction, so that no number is a real one.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from . import json_fields
from .account_api import authorize
from .errors import ApiError, invalid
from .json_fields import FieldError
from .state import SimulatorState


@dataclass(frozen=True)
class NumberRange:
    """Numbers of a country: every number of `digits` digits after a prefix, with their features."""

    prefix: str
    digits: int
    features: tuple[str, ...]

    def __contains__(self, number: str) -> bool:
        rest = number.removeprefix(self.prefix)
        return rest != number and len(rest) == self.digits and rest.isascii() and rest.isdigit()

    def numbers(self) -> list[str]:
        """Return the numbers in ascending order."""
        return [f"{self.prefix}{rest:0{self.digits}}" for rest in range(10**self.digits)]


# Ofcom, NANPA, CNA and Arcep reserve these ranges.
FOR_SALE = {
    "CA": NumberRange("160455501", 2, ("VOICE", "SMS", "MMS")),
    "FR": NumberRange("33639980", 3, ("VOICE", "SMS")),
    "GB": NumberRange("447700900", 3, ("VOICE", "SMS")),
    "US": NumberRange("120155501", 2, ("VOICE", "SMS", "MMS")),
}
NUMBER_TYPE = "mobile-lvn"
# Euros per month.
COST = "1.25"


class NumbersApi:
    """Request handlers; all require the account's API key and secret."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """Return the API's routes."""
        return [
            web.get("/account/numbers", self.list_owned),
            web.get("/number/search", self.search),
            web.post("/number/buy", self.buy),
            web.post("/number/cancel", self.cancel),
            web.post("/number/update", self.update),
        ]

    async def list_owned(self, request: web.Request) -> web.Response:
        """Return one page of the account's numbers, filtered."""
        query = self._query(request)
        numbers = [
            number
            for number, linked in self._state.account.numbers.items()
            if query.get("application_id") in (None, linked)
            and query.get("has_application", "").lower()
            in ("", "true" if linked is not None else "false")
            and query.get("country", "").upper() in ("", _country(number))
        ]
        return _page([self._view(number) for number in numbers], query)

    async def search(self, request: web.Request) -> web.Response:
        """Return one page of the numbers for sale in a country, filtered."""
        query = self._query(request)
        country = _required(query, "country").upper()
        features = set(filter(None, query.get("features", "").upper().split(",")))
        found = FOR_SALE.get(country)
        if (
            found is None
            or not features.issubset(found.features)
            or query.get("type", NUMBER_TYPE) != NUMBER_TYPE
        ):
            return web.json_response({})
        owned = self._state.account.numbers
        numbers = [
            {
                "country": country,
                "msisdn": number,
                "type": NUMBER_TYPE,
                "cost": COST,
                "features": list(found.features),
            }
            for number in found.numbers()
            if number not in owned
        ]
        return _page(numbers, query)

    async def buy(self, request: web.Request) -> web.Response:
        """Add a number that is for sale to the account."""
        form = await self._form(request)
        number, country = _required(form, "msisdn"), _required(form, "country").upper()
        account = self._state.account
        if number in account.numbers or country not in FOR_SALE or number not in FOR_SALE[country]:
            return _result(420, "method failed")
        account.numbers[number] = None
        return _result(200, "success")

    async def cancel(self, request: web.Request) -> web.Response:
        """Remove a number from the account."""
        form = await self._form(request)
        if not self._is_owned(form):
            return _result(420, "method failed")
        del self._state.account.numbers[form["msisdn"]]
        return _result(200, "success")

    async def update(self, request: web.Request) -> web.Response:
        """Link a number to the application in `app_id`, or unlink it without one.

        The CLI unlinks a number by sending it without `app_id`, but with the callback values that
        it had while linked.
        """
        form = await self._form(request)
        account = self._state.account
        if not self._is_owned(form):
            return _result(420, "method failed")
        linked = form.get("app_id") or None
        if linked is not None and linked not in account.applications:
            return _result(420, "Invalid application id")
        account.numbers[form["msisdn"]] = linked
        return _result(200, "success")

    def _is_owned(self, form: dict[str, str]) -> bool:
        number, country = _required(form, "msisdn"), _required(form, "country")
        is_country = re.fullmatch("[A-Za-z]{2}", country) is not None
        return is_country and number in self._state.account.numbers

    def _view(self, number: str) -> dict[str, Any]:
        linked = self._state.account.numbers[number]
        country = _country(number)
        body: dict[str, Any] = {
            "country": country,
            "msisdn": number,
            "type": NUMBER_TYPE,
            "features": list(FOR_SALE[country].features),
        }
        if linked is not None:
            body |= {
                "app_id": linked,
                "voiceCallbackType": "app",
                "voiceCallbackValue": linked,
            }
        return body

    def _query(self, request: web.Request) -> dict[str, str]:
        query = dict(request.query)
        authorize(self._state, request, query)
        return query

    async def _form(self, request: web.Request) -> dict[str, str]:
        # Ignore the Content-Type: the Python SDK leaves that of an earlier request there.
        body = (await request.read()).decode("utf-8", "replace")
        form = dict(request.query) | dict(parse_qsl(body, keep_blank_values=True))
        authorize(self._state, request, form)
        return form


def _page(numbers: list[dict[str, Any]], query: dict[str, str]) -> web.Response:
    """Return a page of the numbers that match the query's pattern; `{}` if none does."""
    try:
        size = json_fields.integer(query, "size", 10, 1, 100) or 10
        index = json_fields.integer(query, "index", 1, 1, 1_000_000) or 1
        position = json_fields.integer(query, "search_pattern", 0, 0, 2) or 0
    except FieldError as error:
        raise invalid(error.name, error.reason) from error
    pattern = query.get("pattern", "")
    matches = [one for one in numbers if _matches(one["msisdn"], pattern, position)]
    if not matches:
        return web.json_response({})
    on_page = matches[(index - 1) * size : index * size]
    return web.json_response({"count": len(matches), "numbers": on_page})


def _matches(number: str, pattern: str, position: int) -> bool:
    if position == 0:
        return number.startswith(pattern)
    return pattern in number if position == 1 else number.endswith(pattern)


def _required(fields: dict[str, str], name: str) -> str:
    """Return a field; a missing one is 400 (ruby-sdk issue 95)."""
    value = fields.get(name)
    if not value:
        raise ApiError(400, {name: "Is required."})
    return value


def _country(number: str) -> str:
    """Return the country of a number of the account; unknown ones are taken as British."""
    for country, numbers in FOR_SALE.items():
        if number in numbers:
            return country
    if number.startswith("1"):
        return "US"
    return "FR" if number.startswith("33") else "GB"


def _result(code: int, label: str) -> web.Response:
    """Build the response of a change; the HTTP status is the code."""
    body = {"error-code": str(code), "error-code-label": label}
    return web.json_response(body, status=code)
