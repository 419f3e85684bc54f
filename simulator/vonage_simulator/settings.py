"""Everything configurable: ports, keys, webhooks, timers, and each inferred value.

What Vonage documents is a constant in the code that uses it. What Vonage leaves open is a field
here, with the value that its official material makes most likely.
"""

from dataclasses import dataclass, field
from typing import Literal

Method = Literal["GET", "POST"]
Scheme = Literal["http", "https"]

HOSTS_OF_REGIONS = {
    "na-east": "api-us-3",
    "na-west": "api-us-4",
    "eu-west": "api-eu-3",
    "eu-east": "api-eu-4",
    "apac-sng": "api-ap-3",
    "apac-australia": "api-ap-4",
}


@dataclass(frozen=True)
class WebhookTarget:
    """Where a webhook goes, and how long the simulator waits for it.

    Parameters
    ----------
    url
        An http or https address.
    method
        POST sends JSON in the body; GET sends the same fields in the query.
    connect_ms
        Milliseconds to connect, 300 to 1000 (Application API: connection_timeout).
    read_ms
        Milliseconds between two parts of the response, 1000 to 5000; for events up to 10000
        (Application API: socket_timeout).
    """

    url: str
    method: Method = "POST"
    connect_ms: int = 1000
    read_ms: int = 5000


@dataclass(frozen=True)
class CalleeBehavior:
    """What the person or machine at a number does when it is called.

    Parameters
    ----------
    behaviour
        `answer`, `busy`, `reject`, `no_answer`, `machine`, `unavailable`, `invalid`, or `manual`:
        it rings until the control API answers or declines the call.
    after
        Seconds of ringing before that happens.
    detail
        The `detail` of the event if the call is not answered, such as `number_out_of_service`.
    greeting
        What a machine says first.
    beep_after
        Seconds from a machine's answer to its beep; None for a machine without a beep.
    says
        What a person says after answering.
    """

    behaviour: Literal[
        "answer", "busy", "reject", "no_answer", "machine", "unavailable", "invalid", "manual"
    ] = "answer"
    after: float = 1.0
    detail: str | None = None
    greeting: str = "Nobody is here to take your call. Please speak after the tone."
    beep_after: float | None = 6.0
    says: str | None = None


@dataclass(frozen=True)
class SimulatorSettings:
    """Configuration of a simulator; times are in seconds of its own clock.

    Parameters
    ----------
    host
        Address to listen on. Another one than 127.0.0.1 is open to other machines.
    http_port, tls_port
        Ports; 0 selects a free one.
    allowed_hosts
        Further names, or names with a port, that the Host header of a request can have.
    url_map
        Pairs of origins: what is sent to a URL of the first goes to the second.
    authority
        Certificate and private key of the CA in PEM; None creates a CA at each start.
    application_id
        Id of the initial application; None selects a random one, or the seed's.
    public_key
        Its public key in PEM; None creates a key pair with `Simulator.private_key`.
    seed
        Repeats ids, tokens and random choices; None makes them different at each start.
    speed
        Clock seconds per real second; at 0 the clock is stopped, and only `step` moves it.
    start_time
        Initial time of the clock, in seconds since 1970; None is the real time.
    ca_file
        File for the CA certificate of the TLS listener; None is a temporary file, deleted at the
        end.
    temporary_folder
        Folder for recordings and other temporary files; None is the system's.
    public_scheme
        Whether region_url and recording_url point to the TLS listener, as Vonage's do.
    public_host
        Host name in region_url and recording_url, such as `api.nexmo.com`. The simulator also
        accepts requests for it, and its certificate has it. Clients must resolve it to 127.0.0.1.
    websocket_connect_seconds
        Real seconds that a handshake may take. A server that takes longer is an endpoint with
        `websocket_hanging_status`; one that refuses is `failed`.
    websocket_close
        Close code of a WebSocket whose leg is hung up; None closes it without a close frame, which
        its server sees as 1006.
    websocket_muted
        What a WebSocket receives while its leg hears nobody (earmuffed, or all others muted):
        frames of silence, or none after the message `websocket:media:update`.
    """

    host: str = "127.0.0.1"
    http_port: int = 0
    tls_port: int = 0
    application_id: str | None = None
    application_name: str = "Simulated application"
    public_key: str | None = None
    api_key: str = "abcd1234"
    api_secret: str | None = None
    signature_secret: str | None = None
    signed_callbacks: bool = True
    answer: WebhookTarget | None = None
    event: WebhookTarget | None = None
    fallback: WebhookTarget | None = None
    numbers: tuple[str, ...] = ("447700900001",)
    region: str = "eu-west"
    public_scheme: Scheme = "https"
    public_host: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    url_map: tuple[tuple[str, str], ...] = ()
    authority: tuple[bytes, bytes] | None = field(default=None, repr=False)
    ca_file: str | None = None
    temporary_folder: str | None = None

    seed: int | None = None
    speed: float = 1.0
    start_time: float | None = None

    callees: dict[str, CalleeBehavior] = field(default_factory=dict)
    default_callee: CalleeBehavior = CalleeBehavior()

    # Webhooks: where Vonage's pages differ, the value of its support pages.
    webhook_attempts: int = 2
    webhook_retry_pause: float = 1.0
    retry_keeps_jti: bool = False
    get_hash_decodes_nested: bool = False
    webhook_kept_bytes: int = 4096
    webhook_reply_bytes: int = 1024 * 1024

    # Timers that no page states.
    words_per_minute: float = 160.0
    ringing_after: float = 0.0
    dropped_after: float = 1.0
    not_ready_for: float = 1.5
    human_detected_after: float = 2.0
    machine_detected_after: float = 4.5
    default_beep_timeout: float = 45.0
    record_event_delay: tuple[float, float] = (0.4, 2.0)
    transcription_delay: float = 5.0
    barge_in_timers_wait_for_prompt: bool = True
    rejected_completes: bool = False
    href_prefix: str = "/v1/calls"
    dtmf_only_speech: Literal["results", "error", "absent"] = "results"

    # Prices, as in the completed event: euros per minute.
    inbound_rate: str = "0.00450000"
    outbound_rate: str = "0.00720000"
    inbound_network: str = "GB-FIXED"
    outbound_network: str = "23433"

    # Limits.
    calls_per_second: float = 3.0
    requests_per_second: float = 15.0
    conversation_members: int = 50
    recordings_kept_for: float = 30 * 86400.0
    calls_kept_for: float = 2 * 86400.0
    conversations_kept_for: float = 48 * 3600.0
    calls_kept: int = 1000
    entries_kept: int = 2000
    body_bytes: int = 1024 * 1024
    websocket_buffer_frames: int = 3072
    websocket_header_bytes: int = 512
    websocket_signed_by_default: bool = False
    websocket_exact_frames: bool = True
    websocket_connect_blocks: bool = True
    websocket_connect_seconds: float = 3.0
    websocket_hanging_status: Literal["unanswered", "failed"] = "unanswered"
    websocket_close: int | None = 1000
    websocket_muted: Literal["silence", "none"] = "silence"
