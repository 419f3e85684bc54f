"""Runs a flow so that nothing it does leaves the caller in silence."""

from __future__ import annotations

import importlib
import os
import signal
from typing import TYPE_CHECKING, Any

import flows
from voicekit import ncco
from voicekit.dial_policy import calls_phone, check_ncco, policy_from
from voicekit.webhook import WebhookResponse, error_fields

if TYPE_CHECKING:
    from types import FrameType, ModuleType

    from voicekit.call import Call
    from voicekit.settings import StackSettings
    from voicekit.switchboard import Switchboard

APOLOGY = "We are sorry, something went wrong. Please call again later. Goodbye."
UNCONNECTED = "We are sorry, we cannot connect your call at the moment."


class FlowFailed(Exception):
    """A flow gave no answer that a caller could be given; the cause, if any, says why."""


class FlowTimeout(BaseException):
    """A flow took longer than it may.

    No Exception, so that a flow that catches all of those is stopped as well.
    """


def flow_names() -> frozenset[str]:
    """Give the names of all flows: the modules of the package `flows`."""
    # Not with pathlib, which a function with a caller waiting would load for this alone.
    files = [file for folder in flows.__path__ for file in os.listdir(folder)]  # noqa: PTH208
    return frozenset(
        file.removesuffix(".py")
        for file in files
        if file.endswith(".py") and not file.startswith("_")
    )


def select_flow(number: str | None, board: Switchboard, config: StackSettings) -> str:
    """Say which flow answers a call to a number, where no URL names one.

    1. The one that the switchboard names for the number.
    2. The one that the settings name for it.
    3. The default flow.
    """
    called = number or ""
    return board.numbers.get(called) or config.number_flows.get(called, config.default_flow)


def replace_dial_actions(ncco_: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give an NCCO that calls no telephone: instead of each such action something is said.

    What follows it is then what a caller hears whom nobody answered.
    """
    return [ncco.talk(UNCONNECTED) if calls_phone(action) else action for action in ncco_]


def run(
    hook: str, call: Call, *arguments: Any, within: float, optional: bool = False
) -> list[dict[str, Any]] | None:
    """Ask a flow what to do.

    Parameters
    ----------
    hook
        The name of the flow's function, such as ``answer``.
    call, arguments
        What it is given.
    within
        Seconds that loading and running it may take.
    optional
        Whether a flow may lack this function, or return None from it.

    Returns
    -------
    list or None
        A valid NCCO whose endpoints may all be called; None only where that is allowed.

    Raises
    ------
    FlowFailed
        If there is no such flow, if it cannot be loaded or has no such function, if it raises
        anything at all, takes too long, or returns something else.
    """
    try:
        try:
            _arm(within)
            module = _load(call.flow)
            if not hasattr(module, hook):
                if optional:
                    return None
                raise LookupError(f"the flow has no function {hook}")
            answer = getattr(module, hook)(call, *arguments)
        finally:
            _disarm()
        if optional and answer is None:
            return None
        if not isinstance(answer, list):
            what = "None" if answer is None else type(answer).__name__[:40]
            raise ncco.NccoError(f"{hook} gave {what} and no list of actions")
        checked = ncco.check(answer)
        check_ncco(checked, policy_from(call.settings, call.base_url))
    except BaseException as error:  # a flow is its user's code: whatever it does, a caller waits
        _disarm()  # once more, for a signal that came on the way into the first
        raise FlowFailed(f"{call.flow}.{hook}") from error
    return checked


def apology(failure: FlowFailed, flow: str) -> WebhookResponse:
    """Give the reply to a caller whose flow failed."""
    log_fields: dict[str, Any] = {"flow": flow if flow in flow_names() else "unknown"}
    if failure.__cause__ is not None:
        log_fields |= _described(failure.__cause__)
    return WebhookResponse(200, [ncco.talk(APOLOGY)], "apology", log_fields)


def _described(error: BaseException) -> dict[str, Any]:
    try:
        return error_fields(error)
    except BaseException:  # what a flow raised may be of its own kind, and say itself wrongly
        return {"error": type(error).__name__}


def _load(flow: str) -> ModuleType:
    name = f"flows.{flow}"
    if not flow.isidentifier() or flow.startswith("_"):
        raise LookupError("this is no name of a flow")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise LookupError("there is no flow of this name") from None
        raise


def _arm(seconds: float) -> None:
    """Have FlowOverran raised after some seconds, in the main thread, where Lambda runs handlers.

    It comes again and again, so that code that catches the first one is stopped by the next.
    """
    signal.signal(signal.SIGALRM, _raise_timeout)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), 0.1)


def _disarm() -> None:
    while True:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            return
        except FlowTimeout:  # it came while being disarmed
            continue


def _raise_timeout(_signal: int, _frame: FrameType | None) -> None:
    raise FlowTimeout("it took longer than it may")
