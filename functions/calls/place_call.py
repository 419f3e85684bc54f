"""Placing a call once: the claim, the question to Vonage, and what came of it."""

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
_SETTLING = 3  # attempts at writing down what came of a call


class Placed(NamedTuple):
    """What goes out; ``repeated`` where it had gone out before, and nothing was dialled now."""

    answer: StoredResponse
    repeated: bool


def place(
    wanted: DialRequest,
    key: str,
    body: Any,
    *,
    policy: DialPolicy,
    board: SwitchboardSecret,
    claims: IdempotencyStore,
    vonage: VoiceClient,
    tokens: TokenSource,
) -> Placed:
    """Place a call, unless one was placed for this key.

    Parameters
    ----------
    wanted
        The checked request.
    key, body
        The Idempotency-Key, and the request as it came: one key is for one request.
    policy, board, claims, vonage, tokens
        Whom this stack may call, whether dialling is on, what was claimed before, who dials, and by
        which right.

    Raises
    ------
    Undecided, KeyMisused
        If the key was used before, and not for an answer that can be given again.
    DiallingRefused, SwitchedOff, BoardUnusable, CapSpent, NotWritten
        If it must not be placed; nothing was dialled.
    VonageError
        If Vonage refuses it, or there is no key with which to ask.
    OutcomeUnknown
        If nobody knows whether it was.
    """
    request = digest(body)
    # Before it is judged: what may be called can have changed since, and a call that was placed
    # must not be told as refused.
    before = claims.find(key)
    if before is not None:
        return Placed(_replay(before, request), True)
    check_policy(wanted, policy)
    board.require_dialing()
    tokens.get()  # where there is no key to sign with, nothing shall be claimed
    try:
        claims.claim(key, request, count_callees(wanted))
    except KeyInUse:
        taken = claims.find(key)
        if taken is None:
            raise StoreUnavailable("the claim could not be read") from None
        return Placed(_replay(taken, request), True)
    return Placed(_dial(wanted, key, claims, vonage), False)


def check_policy(wanted: DialRequest, policy: DialPolicy) -> None:
    """Judge everything in a request that has Vonage dial, or take an NCCO from somewhere.

    Raises
    ------
    DiallingRefused
        If anything of it is not allowed.
    """
    for endpoint in wanted.endpoints:
        check_endpoint(endpoint, policy)
    check_inline_ncco(wanted.ncco, policy)
    if wanted.url is not None:
        check_source("the NCCO's URL", wanted.url, policy)


def uses_external_ncco(wanted: DialRequest, policy: DialPolicy) -> bool:
    """Say whether Vonage may take an NCCO from another host, which could have it dial anybody."""
    try:
        check_policy(wanted, policy._replace(foreign_nccos=False))
    except DialRefused:
        return True
    return False


def count_callees(wanted: DialRequest) -> int:
    """Count the telephones that a request has ring; those of a flow are not known beforehand."""
    return len(wanted.endpoints) + count_endpoints(wanted.ncco)


def _replay(claim: IdempotencyRecord, request: str) -> StoredResponse:
    if claim.request != request:
        raise problems.KeyConflict
    if claim.answer is None:
        raise problems.OutcomePending(claim)
    return claim.answer


def _dial(
    wanted: DialRequest, key: str, claims: IdempotencyStore, vonage: VoiceClient
) -> StoredResponse:
    """Ask Vonage, once and never again, and write down what came of it."""
    try:
        call = vonage.create_call(wanted.body)
    except OutcomeUnknown:
        _record_outcome(claims, key, UNKNOWN, None)
        raise
    except VonageError as error:
        refused = problems.problem(error)
        _record_outcome(claims, key, REFUSED, StoredResponse(refused.status, refused.body))
        raise
    answer = StoredResponse(201, call)
    _record_outcome(claims, key, PLACED, answer)
    return answer


def _record_outcome(
    claims: IdempotencyStore, key: str, state: str, answer: StoredResponse | None
) -> None:
    """Write down what came of a call. Where that fails the claim stays `claimed`, and so closed."""
    for attempt in range(1, _SETTLING + 1):
        try:
            claims.record_outcome(key, state, answer)
            return
        except StoreUnavailable as error:
            if attempt == _SETTLING:
                log.error("claim not settled", extra={"outcome": state, "detail": str(error)})
