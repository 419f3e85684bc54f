"""The switchboard as its owner reads and writes it through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness, HarnessResponse

FIRST = {"numbers": {"447700900000": "voicemail"}}
SECOND = {"dialling": "off"}
DEEP = '{"numbers": ' + "[" * 5000 + "]" * 5000 + "}"


def put(stage: ApiHarness, document: Any, version: str | None = None) -> HarnessResponse:
    return stage.ask("PUT", "/switchboard", document, version=version)


def read(stage: ApiHarness) -> Any:
    reply = stage.ask("GET", "/switchboard")
    assert reply.status == 200
    return reply.body


def test_a_new_stack_has_an_empty_one_and_none_before_it(stage: ApiHarness) -> None:
    told = read(stage)
    assert (told["document"], told["problems"], told["previous"]) == ({}, [], None)


def test_what_is_stored_is_read_again_with_the_one_before(stage: ApiHarness) -> None:
    first = put(stage, FIRST).body
    second = put(stage, SECOND).body
    told = read(stage)
    assert (told["document"], told["version"]) == (SECOND, second["version"])
    assert told["previous"] == first


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", ""),
        (b"dialling: off", ""),
        (b"\xff", None),
        ([], ""),
        ({"dialling": "of"}, "dialling"),
        ({"numbers": {"447700900000": "no_such_flow"}}, "numbers.447700900000"),
        ({"opening": {"time_zone": "Atlantis"}, "closed": {"flow": "greet"}}, "opening.time_zone"),
    ],
)
def test_a_broken_one_is_refused_and_the_one_that_holds_stays(
    stage: ApiHarness, body: Any, field: str | None
) -> None:
    held = put(stage, FIRST).body
    reply = put(stage, body)
    assert reply.status == 400
    if field is not None:
        assert field in [one["field"] for one in reply.body["invalid"]]
    assert read(stage)["version"] == held["version"]


def test_the_same_one_again_leaves_the_one_before_as_it_is(stage: ApiHarness) -> None:
    put(stage, FIRST)
    assert put(stage, SECOND).body == put(stage, SECOND).body
    assert read(stage)["previous"]["document"] == FIRST


def test_the_one_before_is_put_back_like_any_other(stage: ApiHarness) -> None:
    put(stage, FIRST)
    put(stage, SECOND)
    put(stage, read(stage)["previous"]["document"])
    told = read(stage)
    assert (told["document"], told["previous"]["document"]) == (FIRST, SECOND)


def test_whoever_read_an_older_one_changes_nothing(stage: ApiHarness) -> None:
    seen = read(stage)["version"]
    assert put(stage, FIRST, seen).status == 200
    reply = put(stage, SECOND, seen)
    assert reply.status == 412
    assert read(stage)["document"] == FIRST


def test_a_repeat_whose_answer_got_lost_is_no_conflict(stage: ApiHarness) -> None:
    seen = read(stage)["version"]
    first = put(stage, FIRST, seen)
    assert put(stage, FIRST, seen) == first


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no JSON", "no JSON"),
        ('{"dialling": 0}', {"dialling": 0}),
        # what a reader of the reply may refuse, or give up on
        ('{"dialling": NaN}', '{"dialling": NaN}'),
        (DEEP, DEEP),
    ],
    ids=["no JSON", "no switchboard", "no number", "deep"],
)
def test_a_broken_one_that_somebody_wrote_elsewhere_is_shown_with_its_faults(
    stage: ApiHarness, text: str, shown: object
) -> None:
    put(stage, FIRST)
    stage.write(text)
    told = read(stage)
    assert told["problems"]
    assert told["document"] == shown
    assert told["previous"]["problems"] == []
    assert put(stage, FIRST, told["version"]).status == 200


@pytest.mark.parametrize("operation", ["get_secret_value", "put_secret_value"])
@pytest.mark.parametrize(
    "fault",
    [
        EndpointConnectionError(endpoint_url="https://x"),
        ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "x"),
    ],
)
def test_an_aws_that_fails_is_503_and_it_may_be_sent_again(
    stage: ApiHarness, operation: str, fault: Exception
) -> None:
    stage.secrets.fails[operation] = [fault]
    assert put(stage, FIRST).status == 503
    assert put(stage, FIRST).status == 200
    assert read(stage)["document"] == FIRST


def test_nobody_reads_or_writes_it_without_a_signature(stage: ApiHarness) -> None:
    for method in ("GET", "PUT"):
        assert stage.ask(method, "/switchboard", {}, signed=False).status == 403


def test_a_call_that_was_placed_is_told_so_when_dialling_is_off(stage: ApiHarness) -> None:
    stage.place("k")
    put(stage, SECOND)
    assert stage.place("k").status == 201
    assert stage.place("l").status == 403
