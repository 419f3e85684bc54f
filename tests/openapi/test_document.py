"""docs/openapi.json is what the routes, the rules and the errors of the admin API say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from openapi_spec_validator import validate

from calls import problems
from calls.idempotency import DailyLimitReached, IdempotencyRecord, StoreUnavailable
from calls.routes import ROUTES
from calls.switchboard_secret import DialingDisabled, SwitchboardInvalid, VersionConflict
from calls.validation import ValidationError
from records.reader import InvalidCursor, RecordNotFound
from tests.openapi import document as generator
from tests.openapi.conformance import check_exchange
from tests.openapi.errors import CODES
from tests.openapi.rule_schemas import RuleWithoutSchema, schema
from voicekit.dial_policy import DialRefused
from voicekit.settings import SettingsError
from voicekit.switchboard import SwitchboardError
from voicekit.webhook import BodyTooLarge
from voicekit.webhook_fields import BadRequest
from vonage_client import (
    InvalidPrivateKey,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    Unavailable,
    VonageRefused,
)

ERRORS: list[Exception] = [
    problems.UnsignedRequest(),
    problems.RouteNotFound(),
    problems.KeyConflict(),
    problems.OutcomePending(IdempotencyRecord("claimed", "", "2026-01-31T00:00:00Z", None)),
    ValidationError("to", "is missing"),
    InvalidCursor(),
    BadRequest("the body is not JSON"),
    BodyTooLarge(),
    DialRefused("not allowed"),
    DialingDisabled(),
    SwitchboardError([("dialing", "must be on or off")]),
    VersionConflict(),
    DailyLimitReached(),
    RecordNotFound("no such recording"),
    RateLimited(429, "Too Many Requests"),
    Unauthorized(401, "Unauthorized"),
    NotFound(404, "Not Found"),
    *(VonageRefused(status, "Refused") for status in (400, 403, 405, 409, 415, 422)),
    InvalidPrivateKey("no key"),
    OutcomeUnknown("lost"),
    Unavailable("not reached"),
    BotoCoreError(),
    ClientError({}, "Query"),
    StoreUnavailable("down"),
    SettingsError("invalid"),
    SwitchboardInvalid("invalid"),
    RuntimeError("a bug"),
]
MOVE = "PUT /calls/{uuid}"
PROBLEM = {"title": "Not Found", "status": 404, "code": "not_found", "detail": "No such call."}
PROBLEM_TYPE = {"content-type": "application/problem+json"}


def test_the_file_is_up_to_date() -> None:
    written = generator.PATH.read_text(encoding="utf-8")
    assert written == generator.text(), "run: .venv/bin/python -m tests.openapi.document"


def test_the_document_is_valid_openapi() -> None:
    validate(generator.document())


def test_every_route_is_documented() -> None:
    paths = generator.document()["paths"]
    documented = {f"{method.upper()} {path}" for path in paths for method in paths[path]}
    assert documented == ROUTES.keys()
    assert generator.OPERATIONS.keys() == {function.__name__ for function in ROUTES.values()}


def test_the_documented_errors_are_those_of_the_exceptions() -> None:
    kinds = [kind for kinds, _ in problems._TABLE for kind in _as_tuple(kinds)]
    untested = [kind for kind in kinds if not any(isinstance(error, kind) for error in ERRORS)]
    assert untested == []
    made = {(one.status, one.code) for one in map(problems.problem, ERRORS)}
    documented = {(one.status, one.code) for codes in CODES.values() for one in codes if one.code}
    assert made == documented


def test_the_page_lists_every_error() -> None:
    page = (generator.ROOT / "docs/admin-api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([0-9, ]+) \| `(\w+)` \|", page, re.MULTILINE)
    listed = {(int(status), code) for statuses, code in rows for status in statuses.split(",")}
    assert listed == {
        (one.status, one.code) for codes in CODES.values() for one in codes if one.code
    }


def _as_tuple(kinds: Any) -> tuple[type[Exception], ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_problem_details_match_their_schema(error: Exception) -> None:
    problem = problems.problem(error)
    routes = [
        route
        for route, operation in ((r, generator.OPERATIONS[f.__name__]) for r, f in ROUTES.items())
        if any(
            (one.status, one.code) == (problem.status, problem.code)
            for codes in generator.errors_of(route, operation).values()
            for one in codes
        )
    ]
    if problem.code != "no_route":  # API Gateway matches the routes first
        assert routes
    for route in routes:
        check_exchange(route, None, problem.status, PROBLEM_TYPE, json.dumps(problem.body))


@pytest.mark.parametrize(
    ("status", "headers", "text"),
    [
        (418, {}, ""),
        (204, {}, "{}"),
        (404, {"content-type": "application/json"}, json.dumps(PROBLEM)),
        (404, PROBLEM_TYPE, json.dumps(PROBLEM | {"more": 1})),
        (404, PROBLEM_TYPE, json.dumps(PROBLEM | {"code": "unsigned"})),
        (404, PROBLEM_TYPE, json.dumps(PROBLEM | {"status": 403})),
    ],
    ids=["status", "body", "media-type", "member", "code", "other-status"],
)
def test_a_response_outside_the_document_is_found(
    status: int, headers: dict[str, str], text: str
) -> None:
    accepted = b'{"action": "mute"}'
    check_exchange(MOVE, accepted, 204, {}, "")
    check_exchange(MOVE, accepted, 404, PROBLEM_TYPE, json.dumps(PROBLEM))
    with pytest.raises(AssertionError):
        check_exchange(MOVE, accepted, status, headers, text)


def test_an_accepted_request_outside_the_document_is_found() -> None:
    with pytest.raises(AssertionError):
        check_exchange(MOVE, b'{"action": "sing"}', 204, {}, "")


def test_a_rule_of_an_unknown_kind_has_no_schema() -> None:
    with pytest.raises(RuleWithoutSchema):
        schema(lambda where, value: None)
