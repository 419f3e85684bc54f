"""Whatever is sent to the owner's API, it is answered, and only a valid request reaches Vonage."""

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
# The stage keeps nothing of a request that is refused, so one does for all examples.
many = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(changes=st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=3))
def test_a_call_with_anything_in_its_fields_is_placed_or_refused(
    stage: ApiHarness, changes: dict[str, Any]
) -> None:
    assert stage.place(**changes).status in (201, 400, 403)


@many
@given(body=st.binary(max_size=200) | JSON.map(lambda value: repr(value).encode()))
def test_a_body_of_anything_is_refused(stage: ApiHarness, body: bytes) -> None:
    before = stage.vonage.dialled
    assert stage.ask("POST", "/calls", body, key="k").status == 400
    assert stage.vonage.dialled == before


@many
@given(
    fields=st.dictionaries(st.sampled_from(["action", "destination", "text", "digits"]), JSON),
    what=st.sampled_from(["", "/talk", "/stream", "/dtmf", "/input/dtmf"]),
)
def test_a_change_of_anything_is_made_or_refused(
    stage: ApiHarness, fields: dict[str, Any], what: str
) -> None:
    assert stage.ask("PUT", f"/calls/{LEG}{what}", fields).status in (200, 204, 400, 403)


@many
@given(query=st.text(max_size=60), path=st.sampled_from(["/calls", "/history"]))
def test_a_query_of_anything_is_answered_or_refused(
    stage: ApiHarness, query: str, path: str
) -> None:
    assert stage.ask("GET", path, query=query).status in (200, 400)


@many
@given(key=st.text(max_size=300))
def test_a_key_of_anything_is_taken_or_refused(stage: ApiHarness, key: str) -> None:
    assert stage.ask("POST", "/calls", call(flow="voicemail"), key=key).status in (201, 400, 403)
