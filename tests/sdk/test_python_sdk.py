"""Vonage's Python SDK with the HTTPS port, changing only its host."""

import asyncio
import socket
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from tests.sdk.conftest import PUBLIC_HOST
from tests.simulator.conftest import API_SECRET, SIGNATURE_SECRET
from tests.simulator.harness import CALLEE, NUMBER, SimulatorHarness, talk

with warnings.catch_warnings():
    # Fields of the SDK's models shadow names of pydantic, and its type hints are not marked.
    warnings.simplefilter("ignore")
    from vonage import Auth, HttpClientOptions, Vonage
    from vonage_application import ApplicationConfig
    from vonage_http_client.errors import (
        AuthenticationError,
        HttpRequestError,
        NotFoundError,
        RateLimitedError,
        ServerError,
    )
    from vonage_numbers import NumberParams, SearchAvailableNumbersFilter, UpdateNumberParams
    from vonage_users import ListUsersFilter, User
    from vonage_voice.models import (
        AudioStreamOptions,
        Connect,
        CreateCallRequest,
        ListCallsFilter,
        Phone,
        PhoneEndpoint,
        Talk,
        ToPhone,
        TtsStreamOptions,
    )

T = TypeVar("T")


@pytest.fixture
def sdk(
    harness: SimulatorHarness, private_pem: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Vonage]]:
    """A factory of SDK clients for an application id."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", harness.simulator.ca_file)
    # The client resolves the public host to this machine: no change of /etc/hosts is needed.
    resolve = socket.getaddrinfo

    def resolved(host: Any, *rest: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if host == PUBLIC_HOST else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    clients: list[Vonage] = []

    def make(application_id: str = harness.simulator.application_id) -> Vonage:
        host = harness.simulator.tls_url.removeprefix("https://")
        auth = Auth(
            application_id=application_id,
            private_key=private_pem,
            api_key=harness.simulator.api_key,
            api_secret=API_SECRET,
        )
        client = Vonage(auth, HttpClientOptions(api_host=host, rest_host=host, timeout=10))
        clients.append(client)
        return client

    yield make
    for client in clients:
        client._http_client._session.close()  # the SDK never closes its connections


@pytest.fixture
def client(sdk: Callable[..., Vonage]) -> Vonage:
    return sdk()


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work while the simulator runs."""
    return await asyncio.to_thread(work)


def request(**changes: Any) -> CreateCallRequest:
    """Return a call that talks indefinitely."""
    call_request: dict[str, Any] = {
        "to": [ToPhone(number=CALLEE)],
        "from_": Phone(number=NUMBER),
        "ncco": [Talk(text="hello", loop=0)],
    }
    if "answer_url" in changes:
        del call_request["ncco"]
    return CreateCallRequest(**(call_request | changes))


async def answered_call(harness: SimulatorHarness, client: Vonage) -> str:
    """Return the uuid of an answered call."""
    created = await in_thread(lambda: client.voice.create_call(request()))
    await harness.step(2)
    return str(created.uuid)


async def test_create_call(harness: SimulatorHarness, client: Vonage) -> None:
    created = await in_thread(lambda: client.voice.create_call(request()))
    assert (created.status, created.direction) == ("started", "outbound")


async def test_create_call_with_answer_url_and_options(
    harness: SimulatorHarness, client: Vonage
) -> None:
    harness.on("/answer", [talk("from the url")])
    call_request = request(
        answer_url=[harness.url("/answer")],
        event_url=[harness.url("/event")],
        machine_detection="continue",
        length_timer=60,
        ringing_timer=30,
    )
    await in_thread(lambda: client.voice.create_call(call_request))
    await harness.step(5)
    assert harness.statuses()[:4] == ["started", "ringing", "answered", "human"]


async def test_create_call_with_connect(harness: SimulatorHarness, client: Vonage) -> None:
    connect = Connect(from_=NUMBER, endpoint=[PhoneEndpoint(number="447700900556")])
    await in_thread(lambda: client.voice.create_call(request(ncco=[connect])))
    await harness.step(3)
    assert harness.events(to="447700900556", status="answered")


async def test_list_calls(harness: SimulatorHarness, client: Vonage) -> None:
    uuid = await answered_call(harness, client)
    calls, more = await in_thread(
        lambda: client.voice.list_calls(ListCallsFilter(status="answered", page_size=10))
    )
    assert [call.uuid for call in calls] == [uuid]
    assert more is None


async def test_get_call(harness: SimulatorHarness, client: Vonage) -> None:
    uuid = await answered_call(harness, client)
    assert (await in_thread(lambda: client.voice.get_call(uuid))).status == "answered"
    await in_thread(lambda: client.voice.hangup(uuid))
    await harness.step(1)
    call = await in_thread(lambda: client.voice.get_call(uuid))
    assert (call.status, call.rate) == ("completed", "0.00720000")
    assert call.duration is not None
    assert call.link.endswith(f"/v1/calls/{uuid}")


async def test_transfer_call_ncco(harness: SimulatorHarness, client: Vonage) -> None:
    uuid = await answered_call(harness, client)
    await in_thread(lambda: client.voice.transfer_call_ncco(uuid, [Talk(text="transferred")]))
    await harness.step(1)
    heard = (await harness.control("GET", f"/calls/{uuid}")).json["heard"]
    assert heard[-1]["text"] == "transferred"


async def test_transfer_call_answer_url(harness: SimulatorHarness, client: Vonage) -> None:
    harness.on("/other", [talk("from the url")])
    uuid = await answered_call(harness, client)
    await in_thread(lambda: client.voice.transfer_call_answer_url(uuid, harness.url("/other")))
    await harness.step(1)
    assert len(harness.sent_to("/other")) == 1


async def test_mute_unmute_earmuff_unearmuff(harness: SimulatorHarness, client: Vonage) -> None:
    uuid = await answered_call(harness, client)
    voice = client.voice
    for change, name, expected in (
        (voice.mute, "muted", True),
        (voice.unmute, "muted", False),
        (voice.earmuff, "earmuffed", True),
        (voice.unearmuff, "earmuffed", False),
    ):
        await asyncio.to_thread(change, uuid)
        assert (await harness.control("GET", f"/calls/{uuid}")).json[name] is expected


async def test_play_and_stop_audio_and_tts_and_dtmf(
    harness: SimulatorHarness, client: Vonage
) -> None:
    uuid = await answered_call(harness, client)
    voice = client.voice
    audio = AudioStreamOptions(stream_url=[harness.url("/music.mp3")], loop=1, level=0.5)
    messages = [
        (await in_thread(lambda: voice.play_audio_into_call(uuid, audio))).message,
        (await in_thread(lambda: voice.stop_audio_stream(uuid))).message,
        (
            await in_thread(lambda: voice.play_tts_into_call(uuid, TtsStreamOptions(text="hi")))
        ).message,
        (await in_thread(lambda: voice.stop_tts(uuid))).message,
        (await in_thread(lambda: voice.play_dtmf_into_call(uuid, "1234*#"))).message,
    ]
    assert messages == [
        "Stream started",
        "Stream stopped",
        "Talk started",
        "Talk stopped",
        "DTMF sent",
    ]


async def test_download_recording_under_the_public_host(
    harness: SimulatorHarness, client: Vonage, tmp_path: Path
) -> None:
    await harness.receive_call([{"action": "record", "timeOut": 3}])
    await harness.step(6)
    (event,) = [body for body in harness.events() if "recording_url" in body]
    assert event["recording_url"].startswith(f"https://{PUBLIC_HOST}:")
    target = tmp_path / "recording.mp3"
    await in_thread(lambda: client.voice.download_recording(event["recording_url"], str(target)))
    assert target.stat().st_size == event["size"]


async def test_verify_signature(harness: SimulatorHarness, client: Vonage) -> None:
    await harness.receive_call([talk("hello")])
    token = harness.received[0].headers["Authorization"].removeprefix("Bearer ")
    assert await in_thread(lambda: client.voice.verify_signature(token, SIGNATURE_SECRET)) is True
    assert await in_thread(lambda: client.voice.verify_signature(token, API_SECRET * 3)) is False


async def test_errors_400_401_404_429_500(
    harness: SimulatorHarness, client: Vonage, sdk: Callable[..., Vonage]
) -> None:
    uuid = await answered_call(harness, client)
    await harness.step(1)
    bad = request(answer_url=["not a url"])
    with pytest.raises(HttpRequestError) as error:
        await in_thread(lambda: client.voice.create_call(bad))
    assert error.value.response.status_code == 400
    with pytest.raises(AuthenticationError):
        await in_thread(lambda: sdk("another-application").voice.get_call(uuid))
    with pytest.raises(NotFoundError):
        await in_thread(lambda: client.voice.get_call("unknown"))
    await harness.faults(api_429=1)
    with pytest.raises(RateLimitedError):
        await in_thread(lambda: client.voice.get_call(uuid))
    await harness.faults(api_5xx=1)
    with pytest.raises(ServerError):
        await in_thread(lambda: client.voice.get_call(uuid))


async def test_a_dropped_connection_makes_the_sdk_place_a_second_call(
    harness: SimulatorHarness, client: Vonage
) -> None:
    await harness.faults(api_drop_after={"times": 1})
    try:
        await in_thread(lambda: client.voice.create_call(request()))
    except OSError:
        return  # which of the SDK's two retries gets the dropped connection depends on timing
    assert len((await harness.control("GET", "/calls")).json["calls"]) == 2


async def test_application_api(harness: SimulatorHarness, client: Vonage) -> None:
    def work() -> tuple[Any, Any, Any, Any]:
        created = client.application.create_application(ApplicationConfig(name="mine"))
        read = client.application.get_application(created.id)
        listed, _ = client.application.list_applications()
        updated = client.application.update_application(created.id, ApplicationConfig(name="yours"))
        client.application.delete_application(created.id)
        return created, read, listed, updated

    created, read, listed, updated = await in_thread(work)
    assert created.keys.public_key == read.keys.public_key
    assert created.id in [application.id for application in listed]
    assert updated.name == "yours"


async def test_numbers_api(harness: SimulatorHarness, client: Vonage) -> None:
    def work() -> tuple[Any, Any, Any]:
        numbers, _, _ = client.numbers.list_owned_numbers()
        application = client.application.create_application(ApplicationConfig(name="mine"))
        call_request = UpdateNumberParams(country="GB", msisdn=NUMBER, app_id=application.id)
        status = client.numbers.update_number(call_request)
        return numbers, status, application.id

    numbers, status, application_id = await in_thread(work)
    assert numbers[0].msisdn == NUMBER
    assert status.error_code == "200"
    assert (await harness.control("GET", "")).json["numbers"][NUMBER] == application_id


async def test_download_recording_from_localhost(
    make_harness: Callable[..., Awaitable[SimulatorHarness]],
    monkeypatch: pytest.MonkeyPatch,
    private_pem: str,
    tmp_path: Path,
) -> None:
    harness = await make_harness()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", harness.simulator.ca_file)
    await harness.receive_call([{"action": "record", "timeOut": 3}])
    await harness.step(6)
    (event,) = [body for body in harness.events() if "recording_url" in body]
    target = tmp_path / "recording.mp3"
    auth = Auth(application_id=harness.simulator.application_id, private_key=private_pem)
    client = Vonage(auth)
    await in_thread(lambda: client.voice.download_recording(event["recording_url"], str(target)))
    client._http_client._session.close()
    assert target.stat().st_size == event["size"]


async def test_numbers_are_found_bought_and_cancelled(
    harness: SimulatorHarness, client: Vonage
) -> None:
    def work() -> tuple[Any, Any, Any]:
        found, _, _ = client.numbers.search_available_numbers(
            SearchAvailableNumbersFilter(country="GB", features="SMS,VOICE", size=1)
        )
        params = NumberParams(country="GB", msisdn=found[0].msisdn)
        return found[0], client.numbers.buy_number(params), client.numbers.cancel_number(params)

    found, bought, cancelled = await in_thread(work)
    assert (found.country, found.cost) == ("GB", "1.25")
    assert bought.error_code == cancelled.error_code == "200"


async def test_a_number_that_is_not_for_sale_is_an_error(client: Vonage) -> None:
    params = NumberParams(country="GB", msisdn="447911123456")
    with pytest.raises(HttpRequestError) as error:
        await in_thread(lambda: client.numbers.buy_number(params))
    assert error.value.response.status_code == 420


async def test_balance(client: Vonage) -> None:
    assert (await in_thread(client.account.get_balance)).value == 100


async def test_users(client: Vonage) -> None:
    def work() -> tuple[Any, Any, Any]:
        created = client.users.create_user(User(name="jo", display_name="Jo"))
        client.users.create_user()
        changed = client.users.update_user(created.id, User(display_name="Joe"))
        first, cursor = client.users.list_users(ListUsersFilter(page_size=1))
        second, end = client.users.list_users(ListUsersFilter(page_size=1, cursor=cursor))
        client.users.delete_user(created.id)
        return changed, [*first, *second], end

    changed, listed, end = await in_thread(work)
    assert (changed.name, changed.display_name) == ("jo", "Joe")
    assert len({user.id for user in listed}) == 2
    assert end is None


async def test_webhooks_of_the_sdks_ncco_are_served(
    harness: SimulatorHarness, client: Vonage
) -> None:
    harness.on("/answer", lambda webhook: web.json_response([Talk(text="hi").model_dump()]))
    call = await harness.receive_call()
    await harness.step(2)
    assert await call.texts() == ["hi"]
