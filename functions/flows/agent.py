"""Connect callers to an AI agent, with a person and then voicemail as fallbacks."""

from __future__ import annotations

from flows import voicemail
from voicekit import agents, ncco
from voicekit.call import Call, Event


def answer(call: Call) -> list[ncco.Action]:
    """Greet the caller, then connect the agent."""
    try:
        agent = agents.endpoint(call)
    except ncco.NccoError:
        return _ring(call)
    return [ncco.talk("Hello. One moment, please."), _connect(call, "agent", agent)]


def event(call: Call, event: Event) -> list[ncco.Action] | None:
    """Fall back if the agent or the person did not answer, or if the agent disconnected."""
    if event.status not in agents.GONE or "side" not in call.state:
        return None
    return _ring(call) if call.state["side"] == "agent" else voicemail.answer(call)


def _ring(call: Call) -> list[ncco.Action]:
    number, ours = call.settings.second_number, call.settings.vonage_number or None
    if not number:
        return voicemail.answer(call)
    person = _connect(call, "person", ncco.phone(number), from_=ours)
    return [ncco.talk("I am putting you through."), person]


def _connect(call: Call, side: str, endpoint: ncco.Action, from_: str | None = None) -> ncco.Action:
    """Connect one side. Nothing follows it in the NCCO: what comes next depends on its events."""
    url = call.url("event", side=side)
    return ncco.connect(endpoint, timeout=20, event_type="synchronous", event_url=url, from_=from_)
