"""Shared state: clock, account, legs, conversations, and background tasks."""

import asyncio
import itertools
import logging
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from . import webhook_payloads
from .account import Application, SimulatedAccount
from .audio_cache import AudioCache
from .clock import Clock
from .endpoints import Endpoint
from .event_urls import event_target
from .faults import Faults, random_source
from .journal import Journal
from .legs import UNANSWERED, Conversation, Leg
from .rate_limits import RateLimiter
from .recordings import RecordingStore
from .settings import CalleeBehavior, SimulatorSettings, WebhookTarget
from .webhook_sender import DeliveryResult, WebhookSender

logger = logging.getLogger(__name__)

# Each leg has its own tone, so that recordings show who speaks.
TONES = range(220, 660, 40)


@dataclass(frozen=True)
class SentWebhook:
    """A webhook on its way to the application."""

    target: WebhookTarget
    fields: dict[str, Any]
    kind: str
    faults: Sequence[str]  # those that changed the fields
    delivery: "asyncio.Task[DeliveryResult]"

    async def result(self) -> DeliveryResult:
        """Wait for the result; a cancelled caller does not stop the delivery."""
        return await asyncio.shield(self.delivery)


class SimulatorState:
    """The state of one simulator."""

    def __init__(
        self,
        settings: SimulatorSettings,
        account: SimulatedAccount,
        clock: Clock,
        wall_time: Callable[[], float],
        recordings: RecordingStore,
    ) -> None:
        self.settings = settings
        self.account = account
        self.clock = clock
        self.wall_time = wall_time
        self.recordings = recordings
        self.faults = Faults(settings.seed)
        self.journal = Journal(clock, settings.entries_kept)
        # Separate random sources: a fault or an extra webhook changes neither ids nor delays.
        self._ids = random_source(settings.seed, "ids")
        self._tokens = random_source(settings.seed, "tokens")
        self.rng = random_source(settings.seed, "chance")
        self.sender = WebhookSender(
            settings, account, clock, wall_time, self.faults, self.journal, self._token_id
        )
        self.callees: dict[str, CalleeBehavior] = dict(settings.callees)
        self.default_callee = settings.default_callee
        self._legs: dict[str, Leg] = {}
        self.forgotten = 0
        self.calls = 0
        self.base_url = ""
        self.sound_ids = itertools.count(1)
        self._ended: dict[str, Leg] = {}  # the oldest first
        self._named_conversations: dict[tuple[str, str], Conversation] = {}
        self._limiters: dict[tuple[str, str], RateLimiter] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.audio_cache = AudioCache(clock)

    # Ids

    def make_uuid(self) -> str:
        """Return a new UUID with dashes; random without a seed, repeatable with one."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def trace_id(self) -> str:
        """Return the trace ID of one API response."""
        return self._token_id().replace("-", "")

    def _token_id(self) -> str:
        return str(uuid.UUID(int=self._tokens.getrandbits(128), version=4))

    # Legs and conversations

    @property
    def legs(self) -> dict[str, Leg]:
        """The legs in progress, and the ended ones that have not expired."""
        self._drop_old_legs()
        return self._legs

    def new_conversation(self, name: str | None = None) -> Conversation:
        """Create a conversation without members."""
        conversation = Conversation(f"CON-{self.make_uuid()}", name, used_at=self.clock.now())
        return conversation

    def new_leg(
        self,
        application: Application,
        direction: str,
        caller: Endpoint,
        callee: Endpoint,
        conversation: Conversation | None = None,
        event: WebhookTarget | None = None,
    ) -> Leg:
        """Create a leg, in a new conversation unless one is given."""
        leg_uuid, faults = self.make_uuid(), list[str]()
        from_the_network = direction == "inbound" and caller.kind == "phone"
        if from_the_network and not self.faults.is_triggered("dashed_inbound_uuid", faults):
            leg_uuid = leg_uuid.replace("-", "")
        leg = Leg(
            uuid=leg_uuid,
            application=application,
            direction=direction,
            caller=caller,
            callee=callee,
            conversation=conversation or self.new_conversation(),
            clock=self.clock,
            created_at=self.clock.now(),
            tone=TONES[self.calls % len(TONES)],
            event=event or application.event,
            faults=faults,
        )
        self.calls += 1
        self._legs[leg.uuid] = leg
        leg.join(leg.conversation)
        return leg

    def named_conversation(self, application: Application, name: str) -> Conversation:
        """Return the application's conversation of that name, creating it if needed."""
        self._drop_old_conversations(application)
        conversation = self._named_conversations.get((application.id, name))
        if conversation is None:
            conversation = self.new_conversation(name)
            self._named_conversations[application.id, name] = conversation
        conversation.used_at = self.clock.now()
        return conversation

    def conversation(self, application: Application, conversation_uuid: str) -> Conversation | None:
        """Return a conversation that has members, or a named one that has not expired."""
        self._drop_old_conversations(application)
        for (application_id, _), conversation in self._named_conversations.items():
            if application_id == application.id and conversation.uuid == conversation_uuid:
                return conversation
        for leg in self.legs.values():
            conversation = leg.conversation
            is_member = leg.application is application and not leg.is_over
            if is_member and conversation.uuid == conversation_uuid:
                return conversation
        return None

    def _drop_old_conversations(self, application: Application) -> None:
        kept_for = application.conversations_kept_for or self.settings.conversations_kept_for
        oldest = self.clock.now() - kept_for
        for key, conversation in list(self._named_conversations.items()):
            is_old = not conversation.members and conversation.used_at < oldest
            if key[0] == application.id and is_old:
                del self._named_conversations[key]

    def add_ended_leg(self, leg: Leg) -> None:
        """Store an ended leg until it expires, or until there are too many."""
        self._ended[leg.uuid] = leg
        self._drop_old_legs()

    def _drop_old_legs(self) -> None:
        too_many = max(len(self._ended) - self.settings.calls_kept, 0)
        dropped = list(itertools.islice(self._ended.values(), too_many))
        applications = map(self._kept_for, self.account.applications.values())
        shortest = min((self.settings.calls_kept_for, *applications))
        now = self.clock.now()
        # The oldest leg comes first, so this rarely looks at a second one.
        for leg in itertools.islice(self._ended.values(), too_many, None):
            age = now - (leg.ended_at or 0.0)
            if age <= shortest:
                break
            if age > self._kept_for(leg.application):
                dropped.append(leg)
        for leg in dropped:
            del self._ended[leg.uuid], self._legs[leg.uuid]
        self.forgotten += len(dropped)

    def _kept_for(self, application: Application) -> float:
        return application.calls_kept_for or self.settings.calls_kept_for

    def callee(self, endpoint: Endpoint) -> CalleeBehavior:
        """Return how an endpoint behaves when called."""
        return self.callees.get(endpoint.address, self.default_callee)

    # Limits

    def can_call(self, application: Application) -> bool:
        """Return whether the limit of new calls allows one more, and count it."""
        return self._limiter(application, "calls", self.settings.calls_per_second).take()

    def can_request(self, application: Application) -> bool:
        """Return whether the limit of other requests allows one more, and count it."""
        return self._limiter(application, "requests", self.settings.requests_per_second).take()

    def _limiter(self, application: Application, kind: str, rate: float) -> RateLimiter:
        key = (application.id, kind)
        if key not in self._limiters:
            self._limiters[key] = RateLimiter(self.clock, rate)
        return self._limiters[key]

    # Webhooks

    def report(
        self,
        leg: Leg,
        target: WebhookTarget | None,
        fields: dict[str, Any],
        kind: str,
        faults: Sequence[str] = (),
    ) -> SentWebhook | None:
        """Send an event in the background, if there is a URL to send it to.

        `faults` are those that changed the event so far.
        """
        if target is None:
            return None
        faults = [*faults, *self._apply_payload_faults(fields)]
        delivery = self.spawn(self.sender.deliver(leg, target, fields, kind, faults))
        return SentWebhook(target, fields, kind, faults, delivery)

    def report_status(
        self, leg: Leg, status: str, *, faults: Sequence[str] = (), **extra: Any
    ) -> SentWebhook | None:
        """Set a leg's status and send it to the event URL.

        `completed` does not replace the status of a leg that was not answered (java-sdk issue
        443). `faults` are those that changed the event so far.
        """
        now = self.clock.now()
        if status != "completed" or leg.status not in UNANSWERED:
            leg.status = status
        self.journal.write("leg", uuid=leg.uuid, status=status, **self._leg_fields(leg))
        fields = webhook_payloads.status_event(leg, status, now, **extra)
        return self.report(leg, event_target(leg), fields, status, faults)

    def report_error(self, leg: Leg, reason: str, detail: str = "") -> None:
        """Send an error to the event URL; `detail` is only for the journal."""
        self.journal.write("error", uuid=leg.uuid, reason=reason, detail=detail)
        fields = webhook_payloads.error_event(leg, self.clock.now(), reason)
        self.report(leg, event_target(leg), fields, "error")

    def _apply_payload_faults(self, fields: dict[str, Any]) -> list[str]:
        """Change the fields as the faults require; return the names of those faults."""
        names: list[str] = []
        if "headers" in fields and self.faults.is_triggered("no_headers", names):
            del fields["headers"]
        if "from" in fields:
            if self.faults.is_triggered("null_from", names):
                fields["from"] = None
            elif self.faults.is_triggered("unknown_from", names):
                fields["from"] = "Unknown"
            elif self.faults.is_triggered("spaced_from", names):
                fields["from"] = f" {fields['from']}"
        return names

    def _leg_fields(self, leg: Leg) -> dict[str, Any]:
        return {
            "direction": leg.direction,
            "from": webhook_payloads.caller_of(leg) or None,
            "to": leg.callee.address or None,
            "conversation_uuid": leg.conversation.uuid,
        }

    # Tasks

    def spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run a coroutine in the background until it ends or the simulator stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, OSError):  # such as a full disk: not a bug, so without a traceback
            logger.error("a task of the simulator failed: %s", error)
        elif error is not None:
            logger.error("a task of the simulator failed", exc_info=error)

    async def stop(self) -> None:
        """Cancel every background task."""
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # If all have ended, gather returns before the callbacks that remove them run.
            await asyncio.sleep(0)
