"""POST /calls: a call is placed once for a key, whatever gets lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError
from urllib3.exceptions import ConnectTimeoutError

from tests.unit.calls.api_harness import HERE, LEG, NUMBER, PLACED, answer, call, connect
from vonage_client import InvalidPrivateKey

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness

DAY = "2027-01-15"  # the stage's
LOST = requests.ConnectionError("reset by peer")
NEVER_SENT = requests.ConnectTimeout(ConnectTimeoutError("no answer to the first packet"))


class Killed(BaseException):
    """The function's process ends here."""


def no_table(operation: str = "UpdateItem") -> ClientError:
    return ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, operation)


# What is sent


def test_a_flow_is_answered_here_and_reports_here(stage: ApiHarness) -> None:
    reply = stage.place(flow="greet")
    assert (reply.status, reply.body) == (201, PLACED)
    assert stage.vonage.asked[0].body == {
        "to": [{"type": "phone", "number": NUMBER}],
        "from": {"type": "phone", "number": "442079460000"},
        "answer_url": [f"{HERE}/webhooks/answer?flow=greet"],
        "answer_method": "POST",
        "event_url": [f"{HERE}/webhooks/event?flow=greet"],
        "event_method": "POST",
    }


def test_an_inline_ncco_goes_to_vonage_as_it_is(stage: ApiHarness) -> None:
    ncco = [{"action": "talk", "text": "This is a call from Vonage."}]
    assert stage.place(flow=None, ncco=ncco).status == 201
    sent = stage.vonage.asked[0].body
    assert (sent["ncco"], sent["event_url"]) == (ncco, [f"{HERE}/webhooks/event"])
    assert "answer_url" not in sent


def test_an_answer_url_of_our_own_is_fetched_as_the_request_says(stage: ApiHarness) -> None:
    url = [f"{HERE}/webhooks/answer?flow=voicemail"]
    assert stage.place(flow=None, answer_url=url, answer_method="POST").status == 201
    sent = stage.vonage.asked[0].body
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
def test_every_kind_of_endpoint_can_be_called(stage: ApiHarness, endpoint: dict[str, Any]) -> None:
    assert stage.place(to=[endpoint]).status == 201
    assert stage.vonage.asked[0].body["to"] == [endpoint]


def test_detection_timers_and_the_caller_are_passed_on(stage: ApiHarness) -> None:
    wanted: dict[str, Any] = {
        "from": {"type": "phone", "number": "447700900999"},
        "advanced_machine_detection": {"behavior": "continue", "mode": "detect_beep"},
        "length_timer": 600,
        "ringing_timer": 30,
    }
    assert stage.place(**wanted).status == 201
    sent = stage.vonage.asked[0].body
    assert {name: sent[name] for name in wanted} == wanted


def test_a_random_number_of_the_account_may_call(stage: ApiHarness) -> None:
    assert stage.place(random_from_number=True).status == 201
    sent = stage.vonage.asked[0].body
    assert sent["random_from_number"] is True
    assert "from" not in sent


# Repeats


def test_a_repeat_gets_the_first_answer_and_dials_nothing(stage: ApiHarness) -> None:
    first, second = stage.place("k"), stage.place("k")
    assert first.status == second.status == 201
    assert first.body == second.body
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert stage.vonage.dialled == 1


def test_the_order_and_spacing_of_a_repeat_do_not_matter(stage: ApiHarness) -> None:
    stage.ask("POST", "/calls", b'{"flow":"greet","to":[{"type":"app","user":"a"}]}', key="k")
    again = b'{ "to": [{"user": "a", "type": "app"}], "flow": "greet" }'
    assert stage.ask("POST", "/calls", again, key="k").status == 201
    assert stage.vonage.dialled == 1


def test_another_key_places_another_call(stage: ApiHarness) -> None:
    assert stage.place("a").status == stage.place("b").status == 201
    assert stage.vonage.dialled == 2


def test_the_same_key_with_another_body_is_refused(stage: ApiHarness) -> None:
    stage.place("k")
    reply = stage.place("k", flow="voicemail")
    assert (reply.status, stage.vonage.dialled) == (422, 1)


def test_a_placed_call_stays_placed_when_the_number_may_no_longer_be_called(
    stage: ApiHarness,
) -> None:
    stage.place("k")
    stage.settle_in(ALLOWED_PREFIXES="")
    assert stage.place("k").status == 201


def test_a_placed_call_stays_placed_when_dialling_is_off_and_the_day_spent(
    stage: ApiHarness,
) -> None:
    stage.place("k")
    stage.switch("off")
    stage.settle_in(CALLS_PER_DAY="1")
    assert stage.place("k").status == 201


# What gets lost


@pytest.mark.parametrize(
    "lost",
    [LOST, requests.ReadTimeout("late"), answer(500), answer(503), answer(502, {"title": "x"})],
    ids=["reset", "late", "500", "503", "502"],
)
def test_an_answer_that_got_lost_leaves_it_unknown_and_a_repeat_dials_nothing(
    stage: ApiHarness, lost: Any
) -> None:
    stage.vonage.next = [lost]
    assert stage.place("k").status == 504
    repeat = stage.place("k")
    assert (repeat.status, repeat.body["state"], stage.vonage.dialled) == (409, "unknown", 1)


def test_a_repeat_of_what_is_unknown_says_how_to_find_out(stage: ApiHarness) -> None:
    stage.vonage.next = [LOST]
    stage.place("k")
    detail = stage.place("k").body["detail"]
    assert "GET /calls?date_start=2027-01-15T08:00:00Z" in detail
    assert "new key" in detail


def test_a_function_killed_before_vonage_answered_leaves_the_key_closed(stage: ApiHarness) -> None:
    stage.vonage.next = [Killed()]
    with pytest.raises(Killed):
        stage.place("k")
    repeat = stage.place("k")
    assert (repeat.status, repeat.body["state"], stage.vonage.dialled) == (409, "claimed", 1)


def test_a_function_killed_before_the_call_was_written_down_leaves_the_key_closed(
    stage: ApiHarness,
) -> None:
    stage.dynamodb.fails["update_item"] = [Killed()]
    with pytest.raises(Killed):
        stage.place("k")
    repeat = stage.place("k")
    assert (repeat.status, repeat.body["state"], stage.vonage.dialled) == (409, "claimed", 1)


def test_a_function_killed_before_it_dialled_leaves_the_key_closed(stage: ApiHarness) -> None:
    taken = stage.plain.transact_write_items

    class KilledAfter:
        def __getattr__(self, name: str) -> Any:
            def after(**given: Any) -> None:
                taken(**given)
                raise Killed

            return after if name == "transact_write_items" else getattr(stage.plain, name)

    stage.dynamodb._client = KilledAfter()
    with pytest.raises(Killed):
        stage.place("k")
    stage.dynamodb._client = stage.plain
    assert (stage.place("k").status, stage.vonage.dialled) == (409, 0)


def test_a_placed_call_that_cannot_be_written_down_is_told_and_its_key_stays_closed(
    stage: ApiHarness,
) -> None:
    stage.dynamodb.fails["update_item"] = [no_table()] * 3
    assert stage.place("k").status == 201
    assert (stage.place("k").status, stage.vonage.dialled) == (409, 1)


def test_writing_down_is_tried_again(stage: ApiHarness) -> None:
    stage.dynamodb.fails["update_item"] = [no_table()] * 2
    assert stage.place("k").status == stage.place("k").status == 201


def test_a_claim_whose_answer_got_lost_dials_nothing(stage: ApiHarness) -> None:
    """The transaction went through, and nobody told the function."""
    taken = stage.plain.transact_write_items

    class LostAfter:
        def __getattr__(self, name: str) -> Any:
            def after(**given: Any) -> None:
                taken(**given)
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1")

            return after if name == "transact_write_items" else getattr(stage.plain, name)

    stage.dynamodb._client = LostAfter()
    assert (stage.place("k").status, stage.vonage.dialled) == (503, 0)
    stage.dynamodb._client = stage.plain
    assert (stage.place("k").status, stage.vonage.dialled) == (409, 0)


@pytest.mark.parametrize("operation", ["query", "transact_write_items"])
def test_without_the_table_nothing_is_dialled(stage: ApiHarness, operation: str) -> None:
    stage.dynamodb.fails[operation] = [no_table()]
    assert (stage.place("k").status, stage.vonage.dialled) == (503, 0)


def test_without_a_key_for_vonage_nothing_is_claimed(stage: ApiHarness) -> None:
    stage.tokens.error = InvalidPrivateKey("the application secret has no private_key")
    assert stage.place("k").status == 502
    stage.tokens.error = None
    assert stage.place("k").status == 201


def test_a_placed_call_stays_placed_without_a_key_for_vonage(stage: ApiHarness) -> None:
    stage.place("k")
    stage.tokens.error = InvalidPrivateKey("the application secret has no private_key")
    assert stage.place("k").status == 201


# What Vonage refuses


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (answer(400, {"title": "Bad Request", "invalid_parameters": []}), 400),
        (answer(401), 502),
        (answer(403), 403),
        (answer(422), 422),
        (answer(429), 429),
        (answer(418), 502),
    ],
    ids=["400", "401", "403", "422", "429", "418"],
)
def test_what_vonage_refuses_is_told_and_told_again(
    stage: ApiHarness, said: Any, status: int
) -> None:
    stage.vonage.next = [said]
    first = stage.place("k")
    second = stage.place("k")
    assert first.status == second.status == status
    assert first.body == second.body
    assert stage.vonage.dialled == 1


def test_too_many_calls_a_second_say_when_to_come_back(stage: ApiHarness) -> None:
    stage.vonage.next = [answer(429, None, Retry_After="3")]
    assert stage.place().headers["Retry-After"] == "3"


def test_too_many_calls_without_a_time_say_one_second(stage: ApiHarness) -> None:
    stage.vonage.next = [answer(429)]
    assert stage.place().headers["Retry-After"] == "1"


def test_a_refused_key_says_what_to_mend(stage: ApiHarness) -> None:
    stage.vonage.next = [answer(401)]
    assert "ApplicationSecretArn" in stage.place().body["detail"]


def test_a_vonage_that_was_not_reached_is_refused_and_not_unknown(stage: ApiHarness) -> None:
    stage.vonage.next = [NEVER_SENT]
    assert stage.place("k").status == 502
    assert stage.place("k").status == 502
    assert stage.vonage.dialled == 1


# Cap and switch


def test_the_cap_of_a_day_ends_it_and_the_next_day_begins_anew(stage: ApiHarness) -> None:
    stage.settle_in(CALLS_PER_DAY="2")
    assert [stage.place().status for _ in range(3)] == [201, 201, 403]
    stage.now += 86400
    assert stage.place().status == 201
    assert stage.vonage.dialled == 3


def test_what_the_cap_refused_took_no_key(stage: ApiHarness) -> None:
    stage.settle_in(CALLS_PER_DAY="0")
    assert stage.place("k").status == 403
    stage.settle_in(CALLS_PER_DAY="1")
    assert stage.place("k").status == 201


def test_the_telephones_of_an_inline_ncco_count_as_well(stage: ApiHarness) -> None:
    stage.settle_in(CALLS_PER_DAY="3")
    assert stage.place(flow=None, ncco=[connect(NUMBER)]).status == 201
    assert stage.rung(DAY) == 2
    assert stage.place(flow=None, ncco=[connect(NUMBER)]).status == 403
    assert stage.vonage.dialled == 1


def test_the_switch_stops_dialling_at_once_and_takes_no_key(stage: ApiHarness) -> None:
    stage.switch("off")
    assert (stage.place("k").status, stage.vonage.dialled) == (403, 0)
    stage.switch("on")
    assert stage.place("k").status == 201


@pytest.mark.parametrize("text", ['{"dialling": "OFF"}', '{"dialling": false}', "dialling: off"])
def test_a_switchboard_that_cannot_be_read_stops_dialling(stage: ApiHarness, text: str) -> None:
    stage.write(text)
    reply = stage.place("k")
    assert (reply.status, stage.vonage.dialled) == (503, 0)
    assert "switchboard" in reply.body["detail"]
    stage.write("{}")
    assert stage.place("k").status == 201


def test_a_switchboard_that_cannot_be_reached_stops_dialling(stage: ApiHarness) -> None:
    stage.secrets.fails["get_secret_value"] = [EndpointConnectionError(endpoint_url="https://x")]
    assert (stage.place("k").status, stage.vonage.dialled) == (503, 0)
    assert stage.place("k").status == 201


def cancelled(*reasons: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": ""},
            "CancellationReasons": [{"Code": reason} for reason in reasons],
        },
        "TransactWriteItems",
    )


def test_while_another_request_takes_the_key_a_spent_day_tells_nothing(stage: ApiHarness) -> None:
    met = cancelled("TransactionConflict", "ConditionalCheckFailed")
    stage.dynamodb.fails["transact_write_items"] = [met]
    assert stage.place().status == 201


def test_a_transaction_that_always_meets_another_one_dials_nothing(stage: ApiHarness) -> None:
    met = cancelled("None", "TransactionConflict")
    stage.dynamodb.fails["transact_write_items"] = [met] * 99
    assert (stage.place().status, stage.vonage.dialled) == (503, 0)
    assert sum(stage.pauses) < 10  # seconds


def test_a_transaction_that_is_refused_for_another_reason_dials_nothing(stage: ApiHarness) -> None:
    stage.dynamodb.fails["transact_write_items"] = [cancelled("ValidationError", "None")]
    assert (stage.place().status, stage.vonage.dialled) == (503, 0)


def test_a_transaction_that_met_another_one_is_tried_again(stage: ApiHarness) -> None:
    met = cancelled("None", "TransactionConflict")
    stage.dynamodb.fails["transact_write_items"] = [met, met]
    assert stage.place().status == 201
    assert stage.rung(DAY) == 1
    assert len(stage.pauses) == 2


def test_claims_are_forgotten_after_events_are(stage: ApiHarness) -> None:
    stage.place("k")
    key = {"pk": {"S": "idempotency#k"}, "sk": {"S": "claim"}}
    kept = stage.plain.get_item(TableName=stage.table, Key=key)["Item"]
    assert int(kept["expires_at"]["N"]) == int(stage.now) + 30 * 86400


def test_a_claim_holds_no_number(stage: ApiHarness) -> None:
    stage.place("k")
    key = {"pk": {"S": "idempotency#k"}, "sk": {"S": "claim"}}
    kept = stage.plain.get_item(TableName=stage.table, Key=key)["Item"]
    assert NUMBER not in str(kept)
    assert LEG in str(kept)


def test_a_body_without_a_key_is_refused_and_says_what_to_send(stage: ApiHarness) -> None:
    reply = stage.ask("POST", "/calls", call())
    assert (reply.status, reply.body["field"]) == (400, "Idempotency-Key")
    assert stage.vonage.dialled == 0
