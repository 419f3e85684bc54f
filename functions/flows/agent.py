"""Let an AI agent answer. If it does not come or leaves, ring a person, then take a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows import voicemail
from voicekit import agents, ncco

if TYPE_CHECKING:
    from voicekit.call import Call, Event


def answer(call: Call) -> list[dict[str, Any]]:
    """Greet while the agent starts, and connect it."""
    try:
        agent = agents.endpoint(call)
    except ncco.NccoError:
        return _ring(call)
    return [ncco.talk("Hello. One moment, please."), _connect(call, "agent", agent)]


def event(call: Call, event: Event) -> list[dict[str, Any]] | None:
    """Go on after an agent or a person who did not come; an agent that closes hands over."""
    if event.status not in agents.GONE or "side" not in call.state:
        return None
    return _ring(call) if call.state["side"] == "agent" else voicemail.answer(call)


def _ring(call: Call) -> list[dict[str, Any]]:
    number, ours = call.settings.second_number, call.settings.vonage_number or None
    if not number:
        return voicemail.answer(call)
    person = _connect(call, "person", ncco.phone(number), from_=ours)
    return [ncco.talk("I am putting you through."), person]


def _connect(call: Call, side: str, endpoint: Any, **options: Any) -> dict[str, Any]:
    """Connect one side. Nothing follows it in the NCCO: what comes next depends on its events."""
    url = call.url("event", side=side)
    return ncco.connect(endpoint, timeout=20, event_type="synchronous", event_url=url, **options)
