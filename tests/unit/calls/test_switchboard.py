"""Reading and storing the switchboard through the admin API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness, HarnessResponse

FIRST = {"numbers": {"447700900000": "voicemail"}}
SECOND = {"dialling": "off"}
DEEP = '{"numbers": ' + "[" * 5000 + "]" * 5000 + "}"


def put(api: ApiHarness, document: Any, version: str | None = None) -> HarnessResponse:
    return api.send("PUT", "/switchboard", document, version=version)


def read(api: ApiHarness) -> Any:
    response = api.send("GET", "/switchboard")
    assert response.status == 200
    return response.body


def test_a_new_stack_has_an_empty_switchboard_and_no_previous_one(api: ApiHarness) -> None:
    response = read(api)
    assert (response["document"], response["problems"], response["previous"]) == ({}, [], None)


def test_a_stored_switchboard_is_returned_with_the_previous_one(api: ApiHarness) -> None:
    first = put(api, FIRST).body
    second = put(api, SECOND).body
    response = read(api)
    assert (response["document"], response["version"]) == (SECOND, second["version"])
    assert response["previous"] == first


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
def test_an_invalid_switchboard_is_refused_and_the_current_one_stays(
    api: ApiHarness, body: Any, field: str | None
) -> None:
    current = put(api, FIRST).body
    response = put(api, body)
    assert response.status == 400
    if field is not None:
        assert field in [one["field"] for one in response.body["invalid"]]
    assert read(api)["version"] == current["version"]


def test_storing_the_same_switchboard_again_keeps_the_previous_one(api: ApiHarness) -> None:
    put(api, FIRST)
    assert put(api, SECOND).body == put(api, SECOND).body
    assert read(api)["previous"]["document"] == FIRST


def test_the_previous_switchboard_can_be_restored(api: ApiHarness) -> None:
    put(api, FIRST)
    put(api, SECOND)
    put(api, read(api)["previous"]["document"])
    response = read(api)
    assert (response["document"], response["previous"]["document"]) == (FIRST, SECOND)


def test_a_change_based_on_an_older_version_is_refused(api: ApiHarness) -> None:
    version = read(api)["version"]
    assert put(api, FIRST, version).status == 200
    response = put(api, SECOND, version)
    assert response.status == 412
    assert read(api)["document"] == FIRST


def test_repeating_a_change_after_a_lost_response_is_not_a_conflict(api: ApiHarness) -> None:
    version = read(api)["version"]
    first = put(api, FIRST, version)
    assert put(api, FIRST, version) == first


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("no JSON", "no JSON"),
        ('{"dialling": 0}', {"dialling": 0}),
        # JSON that a client might reject
        ('{"dialling": NaN}', '{"dialling": NaN}'),
        (DEEP, DEEP),
    ],
    ids=["not JSON", "not a switchboard", "not a number", "nested too deep"],
)
def test_an_invalid_stored_switchboard_is_returned_with_its_problems(
    api: ApiHarness, text: str, document: object
) -> None:
    put(api, FIRST)
    api.write_switchboard(text)
    response = read(api)
    assert response["problems"]
    assert response["document"] == document
    assert response["previous"]["problems"] == []
    assert put(api, FIRST, response["version"]).status == 200


@pytest.mark.parametrize("operation", ["get_secret_value", "put_secret_value"])
@pytest.mark.parametrize(
    "fault",
    [
        EndpointConnectionError(endpoint_url="https://x"),
        ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "x"),
    ],
)
def test_an_aws_failure_returns_503_and_the_request_can_be_repeated(
    api: ApiHarness, operation: str, fault: Exception
) -> None:
    api.secrets.fails[operation] = [fault]
    assert put(api, FIRST).status == 503
    assert put(api, FIRST).status == 200
    assert read(api)["document"] == FIRST


def test_dialing_is_accepted_and_stored_as_dialling(api: ApiHarness) -> None:
    first = put(api, {"dialing": "off"})
    assert (first.status, first.body["document"]) == (200, {"dialling": "off"})
    assert put(api, {"dialing": "off"}) == first
    both = put(api, {"dialing": "on", "dialling": "off"})
    assert (both.status, [one["field"] for one in both.body["invalid"]]) == (400, ["dialing"])
    assert api.place("k").status == 403


def test_the_switchboard_needs_a_signature(api: ApiHarness) -> None:
    for method in ("GET", "PUT"):
        assert api.send(method, "/switchboard", {}, signed=False).status == 403


def test_a_placed_call_is_replayed_when_dialing_is_off(api: ApiHarness) -> None:
    api.place("k")
    put(api, SECOND)
    assert api.place("k").status == 201
    assert api.place("l").status == 403


# Business lines

LINE = "447700900000"


def invalid(response: HarnessResponse) -> dict[str, str]:
    assert response.status == 400
    return {one["field"]: one["reason"] for one in response.body["invalid"]}


def test_a_business_line_is_stored_and_undone(api: ApiHarness) -> None:
    document = {"lines": {LINE: {"greeting": "Bäckerei", "ring": [{"number": "447700900001"}]}}}
    put(api, document)
    assert read(api)["document"] == document
    put(api, read(api)["previous"]["document"])
    assert read(api)["document"] == {}


def test_a_number_that_may_not_be_dialed_is_refused_with_all_other_problems(
    api: ApiHarness,
) -> None:
    ring = [{"number": "12025550123"}, {"number": "449123456789", "seconds": 1}]
    found = invalid(put(api, {"dialling": "of", "lines": {LINE: {"ring": ring, "style": "x"}}}))
    assert set(found) == {
        "dialling",
        *(f"lines.{LINE}.{name}" for name in ("style", "ring[1].seconds")),
        *(f"lines.{LINE}.ring[{n}].number" for n in (0, 1)),
    }
    assert found[f"lines.{LINE}.ring[1].number"] == "44…89: matches a prefix in DeniedPrefixes"
    assert read(api)["document"] == {}


def test_the_texts_of_a_stack_that_is_not_english_are_needed(api: ApiHarness) -> None:
    api.configure(LANGUAGE="de-DE")
    found = invalid(put(api, {"lines": {LINE: {"greeting": "Guten Tag."}}}))
    assert set(found) == {f"lines.{LINE}.{name}" for name in ("nobody", "message", "thanks")}


def test_a_stored_line_that_became_invalid_is_described_and_dialing_goes_on(
    api: ApiHarness,
) -> None:
    put(api, {"lines": {LINE: {"ring": [{"number": "447700900002"}]}}})
    api.configure(ALLOWED_PREFIXES="1")
    (problem,) = read(api)["problems"]
    assert problem["field"] == f"lines.{LINE}.ring[0].number"
    assert api.place(to=[{"type": "phone", "number": "12025550123"}]).status == 201
