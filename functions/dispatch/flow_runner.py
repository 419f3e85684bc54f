"""Run call flows with a time limit, and fall back to an apology if one fails."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys

import flows
from voicekit import ncco
from voicekit.dial_policy import calls_phone, check_ncco, policy_from
from voicekit.redaction import error_fields
from voicekit.webhook import WebhookResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, ModuleType
    from typing import Any

    from voicekit.call import Call
    from voicekit.settings import StackSettings
    from voicekit.switchboard import Switchboard

APOLOGY = "We are sorry, something went wrong. Please call again later. Goodbye."
UNCONNECTED = "We are sorry, we cannot connect your call at the moment."
_is_armed = False  # whether a flow is running, which its time limit may stop

# The packages of flows/requirements.txt: last, so that they replace nothing of ours or of Python's.
sys.path.append(os.path.abspath(f"{__file__}/../../packages"))  # noqa: PTH100 - see flow_names


class FlowFailed(Exception):
    """A flow returned no NCCO that can be sent; the cause is the reason."""


class FlowTimeout(BaseException):
    """A flow exceeded its time limit.

    It is not an Exception, so a flow that catches every Exception is stopped as well.
    """


def flow_names() -> frozenset[str]:
    """Return the names of all flows: the modules of the package `flows`."""
    # Not with pathlib: importing it would only slow down the cold start.
    files = [file for folder in flows.__path__ for file in os.listdir(folder)]  # noqa: PTH208
    return frozenset(
        file.removesuffix(".py")
        for file in files
        if file.endswith(".py") and not file.startswith("_")
    )


def select_flow(number: str | None, switchboard: Switchboard, config: StackSettings) -> str:
    """Return the name of the flow of a called number. The first match wins:

    1. The flow of the number in the switchboard; for a business line, that is `reception`.
    2. The flow of the number in the settings.
    3. The default flow.
    """
    called = number or ""
    return switchboard.flow_of(called) or config.number_flows.get(called, config.default_flow)


def replace_dial_actions(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an NCCO with a talk action in place of each action that calls a phone.

    The caller then hears the rest of the NCCO, as after a call without an answer.
    """
    return [ncco.talk(UNCONNECTED) if calls_phone(action) else action for action in actions]


def run(
    hook: str, call: Call, *arguments: Any, within: float, optional: bool = False
) -> list[dict[str, Any]] | None:
    """Load a flow and call one of its functions.

    Parameters
    ----------
    hook
        The name of the function, such as ``answer``.
    call, arguments
        The arguments of the function.
    within
        The time limit for loading and running, in seconds.
    optional
        Whether the function may be missing or return None.

    Returns
    -------
    list or None
        A valid NCCO that the dial policy allows; None only if ``optional``.

    Raises
    ------
    FlowFailed
        If the flow or the function is missing, raises anything, exceeds the time limit, or
        returns anything else.
    """
    try:
        with _FlowOutput():
            try:
                _arm(within)
                module = _load(call.flow)
                if not hasattr(module, hook):
                    if optional:
                        return None
                    raise LookupError(f"the flow has no function {hook}")
                result = getattr(module, hook)(call, *arguments)
            finally:
                _disarm()
        if optional and result is None:
            return None
        if not isinstance(result, list):
            kind = "None" if result is None else type(result).__name__[:40]
            raise ncco.NccoError(f"{hook} returned {kind}; expected a list of actions")
        checked = ncco.check(result)
        check_ncco(checked, policy_from(call.settings, call.base_url))
    except BaseException as error:  # anything from user code: the caller needs a response
        _disarm()  # again, for a signal that arrived before the first _disarm had an effect
        raise FlowFailed(f"{call.flow}.{hook}") from error
    return checked


def preload(flow: str, *, within: float) -> None:
    """Load a flow in advance, within a number of seconds. Whatever fails, `run` will report."""
    with contextlib.suppress(BaseException), _FlowOutput():
        try:
            _arm(within)
            _load(flow)
        finally:
            _disarm()


def apology(failure: Exception, flow: str) -> WebhookResponse:
    """Return the apology for a flow that failed or must not run, and log fields with the cause."""
    log_fields: dict[str, Any] = {"flow": flow if flow in flow_names() else "unknown"}
    log_fields |= _error_fields(failure.__cause__ or failure)
    return WebhookResponse(200, [ncco.talk(APOLOGY)], "apology", log_fields)


def _error_fields(error: BaseException) -> dict[str, Any]:
    try:
        return error_fields(error)
    except BaseException:  # the exception class of a flow can have a __str__ that raises
        return {"error": type(error).__name__}


class _FlowOutput:
    """Standard output for a flow; it ends with a whole line, so the log line is one of its own."""

    def __enter__(self) -> None:
        self._stream, self._last = sys.stdout, "\n"
        sys.stdout = self

    def write(self, text: str) -> int:
        self._last = text or self._last
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __exit__(self, *_: object) -> None:
        sys.stdout = self._stream
        if not self._last.endswith("\n"):
            self._stream.write("\n")


def _load(flow: str) -> ModuleType:
    name = f"flows.{flow}"
    if not flow.isidentifier() or flow.startswith("_"):
        raise LookupError("not a valid flow name")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise LookupError("there is no flow with this name") from None
        raise


def _arm(seconds: float) -> None:
    """Arrange for FlowTimeout to be raised in the main thread, where Lambda runs handlers.

    The timer repeats, so that code that catches the first FlowTimeout is stopped by the next. The
    handler stays, because the module signal takes long to change one.
    """
    global _is_armed
    if signal.getsignal(signal.SIGALRM) is not _raise_timeout:
        signal.signal(signal.SIGALRM, _raise_timeout)
    _is_armed = True
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), 0.1)


def _disarm() -> None:
    global _is_armed
    while True:
        try:
            _is_armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            return
        except FlowTimeout:  # the timer fired during this loop
            continue


def _raise_timeout(_signal: int, _frame: FrameType | None) -> None:
    if _is_armed:
        raise FlowTimeout("the flow exceeded its time limit")
