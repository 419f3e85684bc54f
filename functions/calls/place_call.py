"""Place a call at most once per Idempotency-Key."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from calls import problems
from calls.idempotency import (
    PLACED,
    REFUSED,
    UNKNOWN,
    KeyInUse,
    StoredResponse,
    StoreUnavailable,
    digest,
)
from voicekit.dial_policy import (
    DialRefused,
    check_endpoint,
    check_inline_ncco,
    check_source,
    count_endpoints,
)
from vonage_client import OutcomeUnknown, VonageError

if TYPE_CHECKING:
    from calls.idempotency import IdempotencyRecord, IdempotencyStore
    from calls.switchboard_secret import SwitchboardSecret
    from calls.validation import DialRequest
    from voicekit.dial_policy import DialPolicy
    from vonage_client import TokenSource, VoiceClient

log = logging.getLogger("voice")
_RECORD_ATTEMPTS = 3


class Placed(NamedTuple):
    """The response; ``replayed`` if it belongs to an earlier request and nothing was dialed."""

    response: StoredResponse
    replayed: bool


def place(
    request: DialRequest,
    key: str,
    body: Any,
    *,
    policy: DialPolicy,
    switchboard: SwitchboardSecret,
    idempotency: IdempotencyStore,
    vonage: VoiceClient,
    tokens: TokenSource,
) -> Placed:
    """Place a call, unless the key has placed one before.

    Parameters
    ----------
    request
        The validated request.
    key, body
        The Idempotency-Key, and the request body: each key belongs to one body.
    policy
        The dial policy of the stack.
    switchboard
        Whether outbound dialing is on.
    idempotency
        The records of earlier requests.
    vonage, tokens
        The Voice API, and the tokens for it.

    Raises
    ------
    OutcomePending, KeyConflict
        If the key was used before, and there is no response to replay.
    DialRefused, DialingDisabled, SwitchboardInvalid, DailyLimitReached, StoreUnavailable
        If the call must not be placed; nothing was dialed.
    VonageError
        If Vonage refuses the call, or the private key is unusable.
    OutcomeUnknown
        If it is unknown whether the call was placed.
    """
    body_digest = digest(body)
    # Before the policy check: the policy can have changed since, and a call that was placed must
    # not be reported as refused.
    record = idempotency.find(key)
    if record is not None:
        return Placed(_replay(record, body_digest), True)
    check_policy(request, policy)
    switchboard.require_dialing()
    tokens.get()  # without a private key, claim nothing
    try:
        idempotency.claim(key, body_digest, count_callees(request))
    except KeyInUse:
        record = idempotency.find(key)
        if record is None:
            raise StoreUnavailable("the idempotency record could not be read") from None
        return Placed(_replay(record, body_digest), True)
    return Placed(_dial(request, key, idempotency, vonage), False)


def check_policy(request: DialRequest, policy: DialPolicy) -> None:
    """Raise DialRefused unless the policy allows every endpoint and NCCO source of a request."""
    for endpoint in request.endpoints:
        check_endpoint(endpoint, policy)
    check_inline_ncco(request.ncco, policy)
    if request.url is not None:
        check_source("the URL of the NCCO", request.url, policy)


def uses_external_ncco(request: DialRequest, policy: DialPolicy) -> bool:
    """Return whether Vonage may fetch an NCCO from another host, which could dial anyone."""
    try:
        check_policy(request, policy._replace(foreign_nccos=False))
    except DialRefused:
        return True
    return False


def count_callees(request: DialRequest) -> int:
    """Return the number of callees of a request; those of a flow are not known beforehand."""
    return len(request.endpoints) + count_endpoints(request.ncco)


def _replay(record: IdempotencyRecord, body_digest: str) -> StoredResponse:
    if record.request != body_digest:
        raise problems.KeyConflict
    if record.response is None:
        raise problems.OutcomePending(record)
    return record.response


def _dial(
    request: DialRequest, key: str, idempotency: IdempotencyStore, vonage: VoiceClient
) -> StoredResponse:
    """Send the request to Vonage once, without a retry, and record the outcome."""
    try:
        call = vonage.create_call(request.body)
    except OutcomeUnknown:
        _record_outcome(idempotency, key, UNKNOWN, None)
        raise
    except VonageError as error:
        problem = problems.problem(error)
        _record_outcome(idempotency, key, REFUSED, StoredResponse(problem.status, problem.body))
        raise
    response = StoredResponse(201, call)
    _record_outcome(idempotency, key, PLACED, response)
    return response


def _record_outcome(
    idempotency: IdempotencyStore, key: str, state: str, response: StoredResponse | None
) -> None:
    """Record the outcome of a call; on failure the record stays `claimed`, so the key is used."""
    for attempt in range(1, _RECORD_ATTEMPTS + 1):
        try:
            idempotency.record_outcome(key, state, response)
            return
        except StoreUnavailable as error:
            if attempt == _RECORD_ATTEMPTS:
                log.error("claim not settled", extra={"outcome": state, "detail": str(error)})
