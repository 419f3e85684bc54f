"""The admin API responds to any input, and only valid requests reach Vonage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.calls.api_harness import LEG, call

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = (
    *("to", "from", "flow", "answer_url", "ncco", "answer_method", "random_from_number"),
    *("machine_detection", "advanced_machine_detection", "length_timer", "ringing_timer"),
)
# A refused request leaves nothing in the harness, so all examples can share one.
many = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(changes=st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=3))
def test_a_call_with_any_field_values_is_placed_or_refused(
    api: ApiHarness, changes: dict[str, Any]
) -> None:
    assert api.place(**changes).status in (201, 400, 403)


@many
@given(body=st.binary(max_size=200) | JSON.map(lambda value: repr(value).encode()))
def test_a_body_that_is_not_a_request_is_refused(api: ApiHarness, body: bytes) -> None:
    before = api.vonage.calls_placed
    assert api.send("POST", "/calls", body, key="k").status == 400
    assert api.vonage.calls_placed == before


@many
@given(
    fields=st.dictionaries(st.sampled_from(["action", "destination", "text", "digits"]), JSON),
    path=st.sampled_from(["", "/talk", "/stream", "/dtmf", "/input/dtmf"]),
)
def test_a_change_with_any_field_values_is_made_or_refused(
    api: ApiHarness, fields: dict[str, Any], path: str
) -> None:
    assert api.send("PUT", f"/calls/{LEG}{path}", fields).status in (200, 204, 400, 403)


@many
@given(query=st.text(max_size=60), path=st.sampled_from(["/calls", "/history"]))
def test_any_query_string_is_answered_or_refused(api: ApiHarness, query: str, path: str) -> None:
    assert api.send("GET", path, query=query).status in (200, 400)


@many
@given(key=st.text(max_size=300))
def test_any_idempotency_key_is_accepted_or_refused(api: ApiHarness, key: str) -> None:
    assert api.send("POST", "/calls", call(flow="voicemail"), key=key).status in (201, 400, 403)
