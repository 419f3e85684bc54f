"""The telephone that a test is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from local.explore.flow_files import missing, read_all
from local.testing.phone_call import PhoneCall

if TYPE_CHECKING:
    from local.testing.platform_thread import PlatformThread

# Ofcom keeps this number for drama: nobody has it.
CALLER = "447700900123"


class Phone:
    """Rings the application, and says how those behave whom it rings.

    Examples
    --------
    >>> def test_a_message_is_recorded(phone):                      # doctest: +SKIP
    ...     call = phone.call("voicemail").say("Please ring me back").press("#")
    ...     assert call.heard("Thank you for your message")
    """

    def __init__(self, house: PlatformThread) -> None:
        self._house = house
        self._calls: list[PhoneCall] = []
        self._called: set[str] = set()
        house.forget()

    @property
    def vonage_number(self) -> str:
        """The number that is rented."""
        return str(self._house.platform.template.parameters["VonageNumber"])

    @property
    def second_number(self) -> str:
        """The number to which flows put callers through: the parameter ``SecondNumber``."""
        return str(self._house.platform.template.parameters["SecondNumber"])

    def call(
        self, flow: str | None = None, *, from_: str = CALLER, to: str | None = None
    ) -> PhoneCall:
        """Ring a number, and listen until it is the caller's turn or the call is over.

        Parameters
        ----------
        flow
            Which flow answers; without it the one of the number.
        from_, to
            Who rings whom, E.164 without the plus; the rented number is rung by default.

        Raises
        ------
        ValueError
            If there is no such flow or number, or the flow's file has a syntax error.
        AssertionError
            If the flow fails, or never lets the caller have a turn.
        """
        __tracebackhide__ = True
        body: dict[str, Any] = {"from": from_, "to": to or self.vonage_number}
        if flow is not None:
            self._check(flow)
            query = urlencode({"flow": flow})
            body["answer_url"] = f"{self._house.platform.api_url}/webhooks/answer?{query}"
        leg = self._house.run(self._ring(body))
        call = PhoneCall(self._house, leg)
        self._calls.append(call)
        call.settle()
        return call

    def callee(self, number: str | None = None) -> Callee:
        """Say how somebody behaves who is called: the second number, where none is named.

        Without that, whoever is called answers.
        """
        called = number or self.second_number
        self._called.add(called)
        return Callee(self._house, called)

    def put_away(self) -> None:
        """End what is not over, and let everybody behave as before; the plugin does this."""
        for number in self._called:
            self._house.by_hand.discard(number)
            self._house.run(self._house.ask("DELETE", f"/sim/callees/{number}"))
        for call in self._calls:
            call.end()

    async def _ring(self, body: dict[str, Any]) -> Any:
        made = await self._house.ask("POST", "/sim/calls", body)
        return self._house.platform.vonage.leg(made["uuid"])

    def _check(self, flow: str) -> None:
        __tracebackhide__ = True
        known = {one["name"]: one for one in read_all(self._house.flows)}
        if flow not in known:
            raise ValueError(missing(flow, self._house.flows, known))
        error = known[flow]["error"]
        if error is not None:
            line = "" if error["line"] is None else f", line {error['line']}"
            raise ValueError(f"{self._house.flows / flow}.py{line}: {error['text']}")


class Callee:
    """Somebody whom flows may call."""

    def __init__(self, house: PlatformThread, number: str) -> None:
        self._house = house
        self._number = number

    def answers(self, says: str | None = None, after: float = 2) -> None:
        """Answer after some seconds of ringing, and say something."""
        self._behave("answer", after=after, **({} if says is None else {"says": says}))

    def is_busy(self) -> None:
        """Be busy."""
        self._behave("busy")

    def rejects(self) -> None:
        """Decline the call."""
        self._behave("reject")

    def does_not_answer(self) -> None:
        """Let it ring until Vonage gives up."""
        self._behave("no_answer")

    def is_a_machine(self, greeting: str, beep_after: float | None = 2) -> None:
        """Be an answering machine, with a beep some seconds after it answers, or none."""
        self._behave("machine", greeting=greeting, beep_after=beep_after)

    def rings(self) -> None:
        """Let it ring until the test answers or hangs up: ``call.other.answer()``."""
        self._behave("manual")
        self._house.by_hand.add(self._number)

    def _behave(self, behaviour: str, **more: Any) -> None:
        self._house.by_hand.discard(self._number)
        body = {"behaviour": behaviour, **more}
        self._house.run(self._house.ask("PUT", f"/sim/callees/{self._number}", body))
