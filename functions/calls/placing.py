"""Placing a call once: the claim, the question to Vonage, and what came of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from calls import problems
from calls.claims import PLACED, REFUSED, UNKNOWN, Answer, KeyTaken, NotWritten, digest
from voicekit.dialling import DiallingRefused, dialled, judge_endpoint, judge_inline, judge_source
from vonage_client import OutcomeUnknown, VonageError

if TYPE_CHECKING:
    from calls.asked import Wanted
    from calls.board import Board
    from calls.claims import Claim, Claims
    from voicekit.dialling import Policy
    from vonage_client import Tokens, VoiceClient

log = logging.getLogger("voice")
_SETTLING = 3  # attempts at writing down what came of a call


class Placed(NamedTuple):
    """What goes out; ``repeated`` where it had gone out before, and nothing was dialled now."""

    answer: Answer
    repeated: bool


def place(
    wanted: Wanted,
    key: str,
    body: Any,
    *,
    policy: Policy,
    board: Board,
    claims: Claims,
    vonage: VoiceClient,
    tokens: Tokens,
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
        return Placed(_again(before, request), True)
    judge(wanted, policy)
    board.needs_dialling()
    tokens.get()  # where there is no key to sign with, nothing shall be claimed
    try:
        claims.take(key, request, telephones(wanted))
    except KeyTaken:
        taken = claims.find(key)
        if taken is None:
            raise NotWritten("the claim could not be read") from None
        return Placed(_again(taken, request), True)
    return Placed(_dial(wanted, key, claims, vonage), False)


def judge(wanted: Wanted, policy: Policy) -> None:
    """Judge everything in a request that has Vonage dial, or take an NCCO from somewhere.

    Raises
    ------
    DiallingRefused
        If anything of it is not allowed.
    """
    for endpoint in wanted.endpoints:
        judge_endpoint(endpoint, policy)
    judge_inline(wanted.ncco, policy)
    if wanted.url is not None:
        judge_source("the NCCO's URL", wanted.url, policy)


def leads_elsewhere(wanted: Wanted, policy: Policy) -> bool:
    """Say whether Vonage may take an NCCO from another host, which could have it dial anybody."""
    try:
        judge(wanted, policy._replace(foreign_nccos=False))
    except DiallingRefused:
        return True
    return False


def telephones(wanted: Wanted) -> int:
    """Count the telephones that a request has ring; those of a flow are not known beforehand."""
    return len(wanted.endpoints) + dialled(wanted.ncco)


def _again(claim: Claim, request: str) -> Answer:
    if claim.request != request:
        raise problems.KeyMisused
    if claim.answer is None:
        raise problems.Undecided(claim)
    return claim.answer


def _dial(wanted: Wanted, key: str, claims: Claims, vonage: VoiceClient) -> Answer:
    """Ask Vonage, once and never again, and write down what came of it."""
    try:
        call = vonage.create_call(wanted.body)
    except OutcomeUnknown:
        _settle(claims, key, UNKNOWN, None)
        raise
    except VonageError as error:
        refused = problems.problem(error)
        _settle(claims, key, REFUSED, Answer(refused.status, refused.body))
        raise
    answer = Answer(201, call)
    _settle(claims, key, PLACED, answer)
    return answer


def _settle(claims: Claims, key: str, state: str, answer: Answer | None) -> None:
    """Write down what came of a call. Where that fails the claim stays `claimed`, and so closed."""
    for attempt in range(1, _SETTLING + 1):
        try:
            claims.settle(key, state, answer)
            return
        except NotWritten as error:
            if attempt == _SETTLING:
                log.error("claim not settled", extra={"outcome": state, "detail": str(error)})
