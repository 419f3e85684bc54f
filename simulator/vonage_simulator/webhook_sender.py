"""Deliver webhooks: GET and POST forms, signature, timeouts, second attempt and fallback.

Support article 115016024247 says what is retried: timeouts, closed connections, 429, 503 and 504,
and nothing else.
"""

import asyncio
import errno
import hashlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import aiohttp
import jwt
from yarl import URL

from . import secret_input
from .account import Application, SimulatedAccount
from .clock import Clock
from .faults import Faults
from .journal import Journal
from .legs import Leg
from .settings import SimulatorSettings, WebhookTarget
from .url_map import MappedClient, UrlMap

USER_AGENT = "Apache-HttpAsyncClient/4.1 (Java/1.8.0_66)"
RETRIED_STATUSES = frozenset({429, 503, 504})
RETRIED_ERRORS = frozenset(
    {"Connection timeout.", "Read timeout.", "Connection closed.", "Connection reset."}
)
NOT_NCCO_TYPES = frozenset({"text/html", "application/xml", "text/xml"})
# Statuses that count as delivered (webhooks guide).
RECEIVED_STATUSES = range(200, 206)
# Limits of the stored response headers: number of names, and characters per value.
REPLY_HEADERS = 50
REPLY_HEADER_CHARACTERS = 500
_NOT_SHOWN = f"Bearer {secret_input.HIDDEN}"
# Webhook servers might close idle connections after a few seconds.
KEEP_ALIVE_SECONDS = 2.0


@dataclass(frozen=True)
class DeliveryResult:
    """The result of an attempt: a status with a body, or an error."""

    status: int | None
    body: bytes = b""
    content_type: str = ""
    error: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def can_retry(self) -> bool:
        """Whether Vonage makes a second attempt after this."""
        return self.error in RETRIED_ERRORS or self.status in RETRIED_STATUSES

    @property
    def is_received(self) -> bool:
        """Whether the webhook counts as delivered."""
        return self.status in RECEIVED_STATUSES

    @property
    def reason(self) -> str:
        """The `reason` of a fallback request after this: one of five texts.

        nexmo-developer pull request 2491 lists them. Which text a bad certificate or URL has is
        not documented.
        """
        if self.error in ("Connection timeout.", "Read timeout."):
            return "Socket timeout."
        if self.error is not None:
            return (
                "Connection reset." if self.error == "Connection reset." else "Connection closed."
            )
        return "Invalid NCCO." if self.is_received else "Invalid response code."

    def ncco(self) -> Any:
        """Parse the body as JSON.

        Raises
        ------
        ValueError
            If it is not JSON, or the content type is not that of an NCCO.
        """
        if self.content_type in NOT_NCCO_TYPES:
            raise ValueError(f"the content type is {self.content_type}")
        return json.loads(self.body)


class WebhookSender:
    """Delivers webhooks, and records each request and response."""

    def __init__(
        self,
        settings: SimulatorSettings,
        account: SimulatedAccount,
        clock: Clock,
        wall_time: Callable[[], float],
        faults: Faults,
        journal: Journal,
        make_uuid: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._account = account
        self._clock = clock
        self._wall_time = wall_time
        self._faults = faults
        self._journal = journal
        self._make_uuid = make_uuid
        self._url_map = UrlMap(settings.url_map)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the HTTP client."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            skip_auto_headers=("User-Agent",),
        )
        # Else aiohttp sends a GET a second time after a closed connection, within one attempt.
        self._session._retry_connection = False

    async def stop(self) -> None:
        """Close the HTTP client."""
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> MappedClient:
        """The HTTP client, for anything else that the simulator fetches."""
        return MappedClient(self._client(), self._url_map)

    def _client(self) -> aiohttp.ClientSession:
        assert self._session is not None, "the sender was not started"  # noqa: S101
        return self._session

    async def deliver(
        self,
        leg: Leg,
        target: WebhookTarget,
        fields: dict[str, Any],
        kind: str,
        faults: Sequence[str] = (),
    ) -> DeliveryResult:
        """Send a webhook, retrying if the rules say so; failures are results, not exceptions.

        `faults` are those that changed the fields; each attempt is recorded with their names.
        """
        delay: list[str] = []
        if self._faults.is_triggered("delay_webhook", delay):
            await self._clock.sleep(self._faults.value("delay_webhook"))
        jti = self._make_uuid()
        result = await self._attempt(leg, target, fields, kind, 1, jti, [*faults, *delay])
        for attempt in range(2, self._settings.webhook_attempts + 1):
            if not result.can_retry:
                break
            await self._clock.sleep(self._settings.webhook_retry_pause)
            jti = jti if self._settings.retry_keeps_jti else self._make_uuid()
            result = await self._attempt(leg, target, fields, kind, attempt, jti, faults)
        again: list[str] = []
        if self._faults.is_triggered("duplicate_delivery", again):
            names = [*faults, *again]
            await self._attempt(leg, target, fields, kind, 1, self._make_uuid(), names)
        return result

    async def deliver_to_fallback(
        self,
        leg: Leg,
        failed: WebhookTarget,
        result: DeliveryResult,
        fields: dict[str, Any],
        kind: str,
        faults: Sequence[str],
    ) -> DeliveryResult | None:
        """Request an NCCO from the application's fallback URL; return None if there is none.

        `faults` are those that changed the fields.
        """
        target = leg.application.fallback
        if target is None:
            return None
        original = {"url": failed.url, "type": "answer" if kind == "answer" else "event"}
        extra_fields = {"reason": result.reason, "original_request": original}
        return await self.deliver(leg, target, fields | extra_fields, "fallback", faults)

    async def _attempt(
        self,
        leg: Leg,
        target: WebhookTarget,
        fields: dict[str, Any],
        kind: str,
        attempt: int,
        jti: str,
        faults: Sequence[str],
    ) -> DeliveryResult:
        names = list(faults)
        url, body = build_request(target, fields)
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if leg.application.signed and not self._faults.is_triggered("unsigned", names):
            signed = body if body is not None else self._query_object(url)
            token = self._token(leg.application, signed, jti, names)
            headers["Authorization"] = f"Bearer {token}"
        shown = secret_input.shown_fields(target.url, fields)
        shown_url, shown_body = build_request(target, shown)
        # The token of a secret has the digest of its body, from which a short one can be found.
        shown_headers = headers if shown is fields else headers | {"Authorization": _NOT_SHOWN}
        record = {
            "kind": kind,
            "url": shown_url,
            "method": target.method,
            "attempt": attempt,
            "at": self._clock.now(),
            "status": None,
            "ms": None,
            "error": None,
            "faults": list(names),
            "request": {
                "headers": shown_headers,
                "body": None if shown_body is None else shown_body.decode(),
            },
            "reply": None,
        }
        leg.deliveries.append(record)
        self._journal.write("webhook_sent", uuid=leg.uuid, webhook=dict(record))
        began = time.monotonic()
        result = await self._clock.run_external(self._send(target, url, headers, body, names))
        record["faults"] = names
        record["status"] = result.status
        record["error"] = result.error
        record["ms"] = round((time.monotonic() - began) * 1000, 1)
        record["reply"] = {
            "content_type": result.content_type,
            "headers": result.headers,
            "body": result.body[: self._settings.webhook_kept_bytes].decode("utf-8", "replace"),
        }
        self._journal.write("webhook", uuid=leg.uuid, webhook=dict(record))
        return result

    async def _send(
        self,
        target: WebhookTarget,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        faults: list[str],
    ) -> DeliveryResult:
        timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=target.connect_ms / 1000,
            sock_read=target.read_ms / 1000,
        )
        try:
            url, more_headers = self._url_map.resolve(url)
            headers = headers | more_headers
            for fault in ("webhook_drop_before_body", "webhook_drop_after_body"):
                if self._faults.is_triggered(fault, faults):
                    sent = b"" if fault.endswith("before_body") else body or b""
                    return await _send_and_drop(target.method, url, headers, body, sent)
            data: Any = body
            if body is not None and self._faults.is_triggered("slow_webhook", faults):
                headers = headers | {"Content-Length": str(len(body))}
                data = _slow_body(body, self._faults.value("slow_webhook"))
            async with self._client().request(
                target.method,
                URL(url, encoded=True),
                headers=headers,
                data=data,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                content = await _read_limited(response, self._settings.webhook_reply_bytes)
                if content is None:
                    return DeliveryResult(None, error="Reply too long.")
                return DeliveryResult(
                    response.status,
                    content,
                    response.content_type,
                    headers=_response_headers(response.headers),
                )
        except aiohttp.ConnectionTimeoutError:
            return DeliveryResult(None, error="Connection timeout.")
        except TimeoutError:
            return DeliveryResult(None, error="Read timeout.")
        except (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError, ssl.SSLError):
            return DeliveryResult(None, error="Bad certificate.")
        except (aiohttp.InvalidURL, aiohttp.ClientConnectorDNSError, ValueError):
            return DeliveryResult(None, error="Bad URL.")
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
            is_reset = getattr(error, "errno", None) == errno.ECONNRESET
            return DeliveryResult(None, error=f"Connection {'reset' if is_reset else 'closed'}.")
        except aiohttp.ClientError:
            return DeliveryResult(None, error="Bad reply.")

    def _query_object(self, url: str) -> bytes:
        """Return what payload_hash covers on GET (support article 19033783342876)."""
        pairs: dict[str, Any] = {}
        for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
            pairs[name] = value
            if self._settings.get_hash_decodes_nested and value[:1] in ("{", "["):
                pairs[name] = json.loads(value)
        return compact_json(pairs)

    def _token(self, application: Application, signed: bytes, jti: str, faults: list[str]) -> str:
        issued = self._wall_time()
        if self._faults.is_triggered("stale_iat", faults):
            issued -= self._faults.value("stale_iat")
        if self._faults.is_triggered("future_iat", faults):
            issued += self._faults.value("future_iat")
        if self._faults.is_triggered("wrong_payload_hash", faults):
            signed += b" "
        secret = self._account.signature_secret
        if self._faults.is_triggered("wrong_secret", faults):
            secret = hashlib.sha256(secret.encode()).hexdigest()
        return sign_webhook(secret, self._account.api_key, application.id, int(issued), jti, signed)


def sign_webhook(
    secret: str, api_key: str, application_id: str, issued: int, jti: str, signed: bytes
) -> str:
    """Create the token of a signed webhook (signed webhooks guide): HS256 over these claims."""
    claims = {
        "iat": issued,
        "jti": jti,
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(signed).hexdigest(),
        "api_key": api_key,
        "application_id": application_id,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def build_request(target: WebhookTarget, fields: dict[str, Any]) -> tuple[str, bytes | None]:
    """Return the URL and the body: JSON for POST; for GET, fields in the query, objects as JSON.

    Null fields are left out of a query, which cannot represent them.
    """
    if target.method == "POST":
        return target.url, compact_json(fields)
    pairs = [
        (name, value if isinstance(value, str) else compact_json(value).decode())
        for name, value in fields.items()
        if value is not None
    ]
    separator = "&" if urlsplit(target.url).query else "?"
    return target.url + separator + urlencode(pairs, quote_via=quote, errors="replace"), None


def compact_json(value: Any) -> bytes:
    """Encode JSON without spaces, as Vonage does; lone surrogates become question marks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _response_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lowercase name; values of the same name are joined."""
    joined: dict[str, str] = {}
    for name, value in headers.items():
        name = name.lower()
        if name in joined:
            joined[name] = f"{joined[name]}, {value}"[:REPLY_HEADER_CHARACTERS]
        elif len(joined) < REPLY_HEADERS:
            joined[name] = value[:REPLY_HEADER_CHARACTERS]
    return joined


async def _read_limited(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    content = b""
    async for piece in response.content.iter_chunked(65536):
        content += piece
        if len(content) > limit:
            return None
    return content


async def _slow_body(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    middle = len(body) // 2
    yield body[:middle]
    await asyncio.sleep(seconds)
    yield body[middle:]


async def _send_and_drop(
    method: str, url: str, headers: dict[str, str], body: bytes | None, sent: bytes
) -> DeliveryResult:
    """Open a connection, send the head and perhaps the body, and close without reading."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    length = {} if body is None else {"Content-Length": str(len(body))}
    all_headers = {"Host": parts.netloc} | headers | length
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in all_headers.items()]
    _, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + sent)
        await writer.drain()
    finally:
        writer.close()
    return DeliveryResult(None, error="Connection closed.")
