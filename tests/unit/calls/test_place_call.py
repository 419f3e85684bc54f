"""POST /calls: a call is placed once per idempotency key, whatever fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError
from urllib3.exceptions import ConnectTimeoutError

from tests.unit.calls.api_harness import (
    BASE_URL,
    LEG,
    NUMBER,
    PLACED,
    call,
    connect,
    vonage_response,
)
from vonage_client import InvalidPrivateKey

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness

DAY = "2027-01-15"  # the time of the harness
LOST = requests.ConnectionError("reset by peer")
NEVER_SENT = requests.ConnectTimeout(ConnectTimeoutError("no answer to the first packet"))


class Killed(BaseException):
    """The process of the function is killed."""


def table_failure(operation: str = "UpdateItem") -> ClientError:
    return ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, operation)


# Requests to Vonage


def test_a_call_with_a_flow_uses_the_webhooks_of_this_application(api: ApiHarness) -> None:
    response = api.place(flow="greet")
    assert (response.status, response.body) == (201, PLACED)
    assert api.vonage.requests[0].body == {
        "to": [{"type": "phone", "number": NUMBER}],
        "from": {"type": "phone", "number": "442079460000"},
        "answer_url": [f"{BASE_URL}/webhooks/answer?flow=greet"],
        "answer_method": "POST",
        "event_url": [f"{BASE_URL}/webhooks/event?flow=greet"],
        "event_method": "POST",
    }


def test_an_inline_ncco_is_sent_unchanged(api: ApiHarness) -> None:
    ncco = [{"action": "talk", "text": "This is a call from Vonage."}]
    assert api.place(flow=None, ncco=ncco).status == 201
    sent = api.vonage.requests[0].body
    assert (sent["ncco"], sent["event_url"]) == (ncco, [f"{BASE_URL}/webhooks/event"])
    assert "answer_url" not in sent


def test_a_whole_number_may_be_written_with_a_fraction_of_zero(api: ApiHarness) -> None:
    to = [{"type": "phone", "number": NUMBER}]
    ncco = [{"action": "talk", "text": "Hello", "loop": 2.0, "level": 0.5}]
    body = {"to": to, "ncco": ncco, "length_timer": 60.0}
    assert api.send("POST", "/calls", body, key="k").status == 201
    sent = api.vonage.requests[0].body
    assert repr((sent["length_timer"], sent["ncco"][0]["loop"])) == "(60, 2)"
    assert sent["ncco"][0]["level"] == 0.5
    repeat = api.send("POST", "/calls", body | {"length_timer": 60}, key="k")
    assert repeat.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("number", ["1e999", "1e300", "60.5", "-0.5"])
def test_a_number_that_is_not_whole_is_refused(api: ApiHarness, number: str) -> None:
    body = f'{{"to": [{{"type": "phone", "number": "{NUMBER}"}}], "length_timer": {number}}}'
    response = api.send("POST", "/calls", body.encode(), key="k")
    assert (response.status, response.body["field"]) == (400, "length_timer")


def test_an_answer_url_of_this_application_keeps_its_method(api: ApiHarness) -> None:
    url = [f"{BASE_URL}/webhooks/answer?flow=voicemail"]
    assert api.place(flow=None, answer_url=url, answer_method="POST").status == 201
    sent = api.vonage.requests[0].body
    assert (sent["answer_url"], sent["answer_method"]) == (url, "POST")


@pytest.mark.parametrize(
    "endpoint",
    [
        {"type": "phone", "number": NUMBER, "dtmfAnswer": "1p2", "shaken": "x"},
        {"type": "sip", "uri": "sip:desk@pbx.example.com", "headers": {"a": "b"}},
        {
            "type": "sip",
            "uri": "sip:desk@pbx.example.com",
            "standard_headers": {"User-to-User": "x"},
        },
        {"type": "websocket", "uri": "wss://x.example/s", "content-type": "audio/l16;rate=16000"},
        {"type": "vbc", "extension": "123"},
        {"type": "app", "user": "alice"},
    ],
    ids=lambda endpoint: f"{endpoint['type']}-{len(endpoint)}",
)
def test_every_type_of_endpoint_can_be_called(api: ApiHarness, endpoint: dict[str, Any]) -> None:
    assert api.place(to=[endpoint]).status == 201
    assert api.vonage.requests[0].body["to"] == [endpoint]


def test_machine_detection_timers_and_from_are_sent_to_vonage(api: ApiHarness) -> None:
    options: dict[str, Any] = {
        "from": {"type": "phone", "number": "447700900999"},
        "advanced_machine_detection": {"behavior": "continue", "mode": "detect_beep"},
        "length_timer": 600,
        "ringing_timer": 30,
    }
    assert api.place(**options).status == 201
    sent = api.vonage.requests[0].body
    assert {name: sent[name] for name in options} == options


def test_from_can_be_a_random_number_of_the_account(api: ApiHarness) -> None:
    assert api.place(random_from_number=True).status == 201
    sent = api.vonage.requests[0].body
    assert sent["random_from_number"] is True
    assert "from" not in sent


# Repeats


def test_a_repeat_gets_the_first_response_and_dials_nothing(api: ApiHarness) -> None:
    first, second = api.place("k"), api.place("k")
    assert first.status == second.status == 201
    assert first.body == second.body
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert api.vonage.calls_placed == 1


def test_a_repeat_can_have_other_key_order_and_whitespace(api: ApiHarness) -> None:
    api.send("POST", "/calls", b'{"flow":"greet","to":[{"type":"app","user":"a"}]}', key="k")
    again = b'{ "to": [{"user": "a", "type": "app"}], "flow": "greet" }'
    assert api.send("POST", "/calls", again, key="k").status == 201
    assert api.vonage.calls_placed == 1


def test_another_key_places_another_call(api: ApiHarness) -> None:
    assert api.place("a").status == api.place("b").status == 201
    assert api.vonage.calls_placed == 2


def test_the_same_key_with_another_body_is_refused(api: ApiHarness) -> None:
    api.place("k")
    response = api.place("k", flow="voicemail")
    assert (response.status, api.vonage.calls_placed) == (422, 1)


def test_a_placed_call_is_replayed_after_the_dial_policy_changed(
    api: ApiHarness,
) -> None:
    api.place("k")
    api.configure(ALLOWED_PREFIXES="")
    assert api.place("k").status == 201


def test_a_placed_call_is_replayed_when_dialing_is_off_and_at_the_daily_limit(
    api: ApiHarness,
) -> None:
    api.place("k")
    api.set_dialing("off")
    api.configure(CALLS_PER_DAY="1")
    assert api.place("k").status == 201


# Lost responses


@pytest.mark.parametrize(
    "fault",
    [
        LOST,
        requests.ReadTimeout("late"),
        vonage_response(500),
        vonage_response(503),
        vonage_response(502, {"title": "x"}),
    ],
    ids=["reset", "late", "500", "503", "502"],
)
def test_after_a_lost_response_the_outcome_is_unknown_and_a_repeat_dials_nothing(
    api: ApiHarness, fault: Any
) -> None:
    api.vonage.next_results = [fault]
    assert api.place("k").status == 504
    repeat = api.place("k")
    assert (repeat.status, repeat.body["state"], api.vonage.calls_placed) == (409, "unknown", 1)


def test_an_unknown_outcome_comes_with_instructions(api: ApiHarness) -> None:
    api.vonage.next_results = [LOST]
    api.place("k")
    detail = api.place("k").body["detail"]
    assert "GET /calls?date_start=2027-01-15T08:00:00Z" in detail
    assert "new key" in detail


def test_a_key_stays_claimed_if_the_function_dies_before_vonage_responds(api: ApiHarness) -> None:
    api.vonage.next_results = [Killed()]
    with pytest.raises(Killed):
        api.place("k")
    repeat = api.place("k")
    assert (repeat.status, repeat.body["state"], api.vonage.calls_placed) == (409, "claimed", 1)


def test_a_key_stays_claimed_if_the_function_dies_before_the_outcome_is_stored(
    api: ApiHarness,
) -> None:
    api.dynamodb.fails["update_item"] = [Killed()]
    with pytest.raises(Killed):
        api.place("k")
    repeat = api.place("k")
    assert (repeat.status, repeat.body["state"], api.vonage.calls_placed) == (409, "claimed", 1)


def test_a_key_stays_claimed_if_the_function_dies_before_it_dials(api: ApiHarness) -> None:
    write = api.plain.transact_write_items

    class KilledAfter:
        def __getattr__(self, name: str) -> Any:
            def after(**arguments: Any) -> None:
                write(**arguments)
                raise Killed

            return after if name == "transact_write_items" else getattr(api.plain, name)

    api.dynamodb._client = KilledAfter()
    with pytest.raises(Killed):
        api.place("k")
    api.dynamodb._client = api.plain
    assert (api.place("k").status, api.vonage.calls_placed) == (409, 0)


def test_a_call_is_returned_if_its_outcome_cannot_be_stored_and_its_key_stays_claimed(
    api: ApiHarness,
) -> None:
    api.dynamodb.fails["update_item"] = [table_failure()] * 3
    assert api.place("k").status == 201
    assert (api.place("k").status, api.vonage.calls_placed) == (409, 1)


def test_storing_the_outcome_is_retried(api: ApiHarness) -> None:
    api.dynamodb.fails["update_item"] = [table_failure()] * 2
    assert api.place("k").status == api.place("k").status == 201


def test_a_claim_whose_response_is_lost_dials_nothing(api: ApiHarness) -> None:
    """The transaction succeeded, and its response was lost."""
    write = api.plain.transact_write_items

    class LostAfter:
        def __getattr__(self, name: str) -> Any:
            def after(**arguments: Any) -> None:
                write(**arguments)
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1")

            return after if name == "transact_write_items" else getattr(api.plain, name)

    api.dynamodb._client = LostAfter()
    assert (api.place("k").status, api.vonage.calls_placed) == (503, 0)
    api.dynamodb._client = api.plain
    assert (api.place("k").status, api.vonage.calls_placed) == (409, 0)


@pytest.mark.parametrize("operation", ["query", "transact_write_items"])
def test_without_the_table_nothing_is_dialed(api: ApiHarness, operation: str) -> None:
    api.dynamodb.fails[operation] = [table_failure()]
    assert (api.place("k").status, api.vonage.calls_placed) == (503, 0)


def test_without_a_private_key_no_key_is_claimed(api: ApiHarness) -> None:
    api.tokens.error = InvalidPrivateKey("the application secret has no private_key")
    assert api.place("k").status == 502
    api.tokens.error = None
    assert api.place("k").status == 201


def test_a_placed_call_is_replayed_without_a_private_key(api: ApiHarness) -> None:
    api.place("k")
    api.tokens.error = InvalidPrivateKey("the application secret has no private_key")
    assert api.place("k").status == 201


# Refusals of Vonage


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (vonage_response(400, {"title": "Bad Request", "invalid_parameters": []}), 400),
        (vonage_response(401), 502),
        (vonage_response(403), 403),
        (vonage_response(422), 422),
        (vonage_response(429), 429),
        (vonage_response(418), 502),
    ],
    ids=["400", "401", "403", "422", "429", "418"],
)
def test_a_refusal_of_vonage_is_returned_and_replayed(
    api: ApiHarness, refusal: Any, status: int
) -> None:
    api.vonage.next_results = [refusal]
    first = api.place("k")
    second = api.place("k")
    assert first.status == second.status == status
    assert first.body == second.body
    assert api.vonage.calls_placed == 1


def test_a_rate_limit_returns_the_retry_after_of_vonage(api: ApiHarness) -> None:
    api.vonage.next_results = [vonage_response(429, None, Retry_After="3")]
    assert api.place().headers["Retry-After"] == "3"


def test_a_rate_limit_without_retry_after_returns_one_second(api: ApiHarness) -> None:
    api.vonage.next_results = [vonage_response(429)]
    assert api.place().headers["Retry-After"] == "1"


def test_a_rejected_token_names_the_secret_to_fix(api: ApiHarness) -> None:
    api.vonage.next_results = [vonage_response(401)]
    assert "ApplicationSecretArn" in api.place().body["detail"]


def test_a_call_that_was_never_sent_is_refused_and_not_unknown(api: ApiHarness) -> None:
    api.vonage.next_results = [NEVER_SENT]
    assert api.place("k").status == 502
    assert api.place("k").status == 502
    assert api.vonage.calls_placed == 1


# Daily call limit and dialing switch


def test_the_daily_call_limit_resets_the_next_day(api: ApiHarness) -> None:
    api.configure(CALLS_PER_DAY="2")
    assert [api.place().status for _ in range(3)] == [201, 201, 403]
    api.now += 86400
    assert api.place().status == 201
    assert api.vonage.calls_placed == 3


def test_a_call_over_the_daily_limit_claims_no_key(api: ApiHarness) -> None:
    api.configure(CALLS_PER_DAY="0")
    assert api.place("k").status == 403
    api.configure(CALLS_PER_DAY="1")
    assert api.place("k").status == 201


def test_callees_of_an_inline_ncco_count_toward_the_daily_limit(api: ApiHarness) -> None:
    api.configure(CALLS_PER_DAY="3")
    assert api.place(flow=None, ncco=[connect(NUMBER)]).status == 201
    assert api.callees_counted(DAY) == 2
    assert api.place(flow=None, ncco=[connect(NUMBER)]).status == 403
    assert api.vonage.calls_placed == 1


def test_with_dialing_off_nothing_is_dialed_and_no_key_is_claimed(api: ApiHarness) -> None:
    api.set_dialing("off")
    assert (api.place("k").status, api.vonage.calls_placed) == (403, 0)
    api.set_dialing("on")
    assert api.place("k").status == 201


@pytest.mark.parametrize("text", ['{"dialling": "OFF"}', '{"dialling": false}', "dialling: off"])
def test_an_invalid_switchboard_stops_dialing(api: ApiHarness, text: str) -> None:
    api.write_switchboard(text)
    response = api.place("k")
    assert (response.status, api.vonage.calls_placed) == (503, 0)
    assert "switchboard" in response.body["detail"]
    api.write_switchboard("{}")
    assert api.place("k").status == 201


def test_an_unreachable_switchboard_stops_dialing(api: ApiHarness) -> None:
    api.secrets.fails["get_secret_value"] = [EndpointConnectionError(endpoint_url="https://x")]
    assert (api.place("k").status, api.vonage.calls_placed) == (503, 0)
    assert api.place("k").status == 201


def canceled(*reasons: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": ""},
            "CancellationReasons": [{"Code": reason} for reason in reasons],
        },
        "TransactWriteItems",
    )


def test_while_another_request_claims_the_key_the_daily_limit_is_not_final(api: ApiHarness) -> None:
    conflict = canceled("TransactionConflict", "ConditionalCheckFailed")
    api.dynamodb.fails["transact_write_items"] = [conflict]
    assert api.place().status == 201


def test_a_transaction_that_always_conflicts_dials_nothing(api: ApiHarness) -> None:
    conflict = canceled("None", "TransactionConflict")
    api.dynamodb.fails["transact_write_items"] = [conflict] * 99
    assert (api.place().status, api.vonage.calls_placed) == (503, 0)
    assert sum(api.pauses) < 10  # seconds


def test_a_transaction_canceled_for_another_reason_dials_nothing(api: ApiHarness) -> None:
    api.dynamodb.fails["transact_write_items"] = [canceled("ValidationError", "None")]
    assert (api.place().status, api.vonage.calls_placed) == (503, 0)


def test_a_transaction_that_conflicts_is_retried(api: ApiHarness) -> None:
    conflict = canceled("None", "TransactionConflict")
    api.dynamodb.fails["transact_write_items"] = [conflict, conflict]
    assert api.place().status == 201
    assert api.callees_counted(DAY) == 1
    assert len(api.pauses) == 2


def test_idempotency_records_expire_after_thirty_days(api: ApiHarness) -> None:
    api.place("k")
    key = {"pk": {"S": "idempotency#k"}, "sk": {"S": "claim"}}
    item = api.plain.get_item(TableName=api.table, Key=key)["Item"]
    assert int(item["expires_at"]["N"]) == int(api.now) + 30 * 86400


def test_an_idempotency_record_contains_no_number(api: ApiHarness) -> None:
    api.place("k")
    key = {"pk": {"S": "idempotency#k"}, "sk": {"S": "claim"}}
    item = api.plain.get_item(TableName=api.table, Key=key)["Item"]
    assert NUMBER not in str(item)
    assert LEG in str(item)


def test_a_call_without_an_idempotency_key_is_refused(api: ApiHarness) -> None:
    response = api.send("POST", "/calls", call())
    assert (response.status, response.body["field"]) == (400, "Idempotency-Key")
    assert api.vonage.calls_placed == 0
