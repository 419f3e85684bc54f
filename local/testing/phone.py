"""The simulated phone of a test, and the callees that a flow may call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from local.explore.flow_files import missing, read_all
from local.testing.agent import ScriptedAgent
from local.testing.phone_call import PhoneCall

if TYPE_CHECKING:
    from local.testing.platform_thread import PlatformThread

# A number that Ofcom reserves for drama.
CALLER = "447700900123"
_PATIENCE = 55.0  # real seconds until everything is published


class Mail(NamedTuple):
    """A mail: ``at`` is its time (ISO 8601), ``line`` the called number."""

    subject: str
    text: str
    at: str
    line: str | None


class Phone:
    """A phone that calls the application, and sets the behavior of callees.

    Examples
    --------
    >>> def test_a_message_is_recorded(phone):                      # doctest: +SKIP
    ...     call = phone.call("voicemail").say("Please call me back").press("#")
    ...     assert call.heard("Thank you for your message")
    """

    def __init__(self, thread: PlatformThread) -> None:
        self._thread = thread
        self._calls: list[PhoneCall] = []
        self._callees: set[str] = set()
        self._conversations: set[str] = set()
        thread.clear()

    @property
    def vonage_number(self) -> str:
        """Your Vonage number: the parameter ``VonageNumber``."""
        return str(self._thread.platform.template.parameters["VonageNumber"])

    @property
    def second_number(self) -> str:
        """The number that flows connect callers to: the parameter ``SecondNumber``."""
        return str(self._thread.platform.template.parameters["SecondNumber"])

    def call(
        self, flow: str | None = None, *, from_: str = CALLER, to: str | None = None
    ) -> PhoneCall:
        """Call a number, and listen until it is the caller's turn or the call is over.

        Parameters
        ----------
        flow
            The flow that answers; by default the flow of the number.
        from_, to
            The caller's and the called number, in E.164 format without the plus; ``to`` is by
            default your Vonage number.

        Raises
        ------
        ValueError
            If there is no such flow or number, or the flow's file has a syntax error.
        AssertionError
            If the flow fails, or it never becomes the caller's turn.
        """
        __tracebackhide__ = True
        body: dict[str, Any] = {"from": from_, "to": to or self.vonage_number}
        if flow is not None:
            self._check(flow)
            query = urlencode({"flow": flow})
            body["answer_url"] = f"{self._thread.platform.api_url}/webhooks/answer?{query}"
        leg = self._thread.run(self._place(body))
        call = PhoneCall(self._thread, leg)
        self._calls.append(call)
        call.settle()
        return call

    def callee(self, number: str | None = None) -> Callee:
        """Return the callee with a number, by default the second number, to set its behavior.

        By default, callees answer.
        """
        called = number or self.second_number
        self._callees.add(called)
        return Callee(self._thread, called)

    def agent(self) -> ScriptedAgent:
        """Return the voice agent that flows connect callers to, to set its behavior.

        By default, it answers and greets.

        Raises
        ------
        ValueError
            If the fixture ``voice_agent`` names another agent.
        """
        if self._thread.agent_server is None:
            raise ValueError("the fixture voice_agent names the agent, so it is not scripted")
        return ScriptedAgent(self._thread.agent_server)

    @property
    def mails(self) -> list[Mail]:
        """The mails that you got about this test's calls, in order.

        Everything that happened so far is published first, which takes a few seconds. A mail that
        waits for a transcript comes with the transcript.

        Raises
        ------
        AssertionError
            If that takes more than 60 seconds.
        """
        __tracebackhide__ = True
        ids = {event["detail"]["id"] for event in self.events}
        return [
            Mail(one["subject"], one["text"], one["at"], one["line"])
            for one in self._thread.platform.outbox.mails
            if one["id"] in ids
        ]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that the event bus carried about this test's calls, as EventBridge sends them.

        Everything that happened so far is published first, as for `mails`. EventBridge promises
        no order.
        """
        __tracebackhide__ = True
        self._wait_until_published()
        return [
            one
            for one in self._thread.platform.outbox.events
            if one["detail"].get("conversation_uuid") in self._conversations
        ]

    def _wait_until_published(self) -> None:
        __tracebackhide__ = True
        for call in self._calls:
            call.receive_record_events()
        try:
            self._thread.run(asyncio.wait_for(self._thread.publish(), _PATIENCE))
        except TimeoutError:
            raise AssertionError("the events of the calls were not published in time") from None

    def reset(self) -> None:
        """End all calls, and reset the behavior of callees and the agent; the plugin does this."""
        for number in self._callees:
            self._thread.manual_callees.discard(number)
            self._thread.run(self._thread.request("DELETE", f"/sim/callees/{number}"))
        for call in self._calls:
            call.end()
        if self._thread.agent_server is not None:
            self._thread.run(self._thread.agent_server.reset())

    async def _place(self, body: dict[str, Any]) -> Any:
        placed = await self._thread.request("POST", "/sim/calls", body)
        self._conversations.add(placed["conversation_uuid"])
        return self._thread.platform.vonage.leg(placed["uuid"])

    def _check(self, flow: str) -> None:
        __tracebackhide__ = True
        known = {one["name"]: one for one in read_all(self._thread.flows)}
        if flow not in known:
            raise ValueError(missing(flow, known))
        error = known[flow]["error"]
        if error is not None:
            line = "" if error["line"] is None else f", line {error['line']}"
            raise ValueError(f"{self._thread.flows / flow}.py{line}: {error['text']}")


class Callee:
    """A party that flows may call."""

    def __init__(self, thread: PlatformThread, number: str) -> None:
        self._thread = thread
        self._number = number

    def answers(self, says: str | None = None, after: float = 2) -> None:
        """Answer after some seconds of ringing, and speak a text."""
        self._set("answer", after=after, **({} if says is None else {"says": says}))

    def is_busy(self) -> None:
        """Be busy."""
        self._set("busy")

    def rejects(self) -> None:
        """Decline the call."""
        self._set("reject")

    def does_not_answer(self) -> None:
        """Ring until the call times out."""
        self._set("no_answer")

    def is_a_machine(self, greeting: str, beep_after: float | None = 2) -> None:
        """Be an answering machine that beeps some seconds after it answers, or never."""
        self._set("machine", greeting=greeting, beep_after=beep_after)

    def rings(self) -> None:
        """Ring until the test answers or hangs up: ``call.other.answer()``."""
        self._set("manual")
        self._thread.manual_callees.add(self._number)

    def _set(self, behavior: str, **options: Any) -> None:
        self._thread.manual_callees.discard(self._number)
        body = {"behaviour": behavior, **options}
        self._thread.run(self._thread.request("PUT", f"/sim/callees/{self._number}", body))
