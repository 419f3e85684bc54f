"""Vonage's own Python SDK against the TLS port, with nothing but its host changed."""

import asyncio
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from tests.simulator.conftest import API_SECRET, SIGNATURE_SECRET
from tests.simulator.harness import CALLEE, NUMBER, SimulatorHarness, talk

with warnings.catch_warnings():
    # Fields of the SDK's own models shadow names of pydantic's. Its type hints are not marked.
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
    from vonage_numbers import UpdateNumberParams
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
    stage: SimulatorHarness, private_pem: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Vonage]]:
    """Makes a client of the SDK for an application id."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", stage.simulator.ca_file)
    clients: list[Vonage] = []

    def make(application_id: str = stage.simulator.application_id) -> Vonage:
        host = stage.simulator.tls_url.removeprefix("https://")
        auth = Auth(
            application_id=application_id,
            private_key=private_pem,
            api_key=stage.simulator.api_key,
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
    """A client of the application."""
    return sdk()


async def use(work: Callable[[], T]) -> T:
    """Run something that blocks beside the simulator."""
    return await asyncio.to_thread(work)


def request(**changes: Any) -> CreateCallRequest:
    """A call that talks for ever."""
    wanted: dict[str, Any] = {
        "to": [ToPhone(number=CALLEE)],
        "from_": Phone(number=NUMBER),
        "ncco": [Talk(text="hello", loop=0)],
    }
    if "answer_url" in changes:
        del wanted["ncco"]
    return CreateCallRequest(**(wanted | changes))


async def answered_call(stage: SimulatorHarness, client: Vonage) -> str:
    """The uuid of a call that was answered."""
    created = await use(lambda: client.voice.create_call(request()))
    await stage.step(2)
    return str(created.uuid)


async def test_create_call(stage: SimulatorHarness, client: Vonage) -> None:
    created = await use(lambda: client.voice.create_call(request()))
    assert (created.status, created.direction) == ("started", "outbound")


async def test_create_call_with_answer_url_and_options(
    stage: SimulatorHarness, client: Vonage
) -> None:
    stage.on("/answer", [talk("from the url")])
    wanted = request(
        answer_url=[stage.url("/answer")],
        event_url=[stage.url("/event")],
        machine_detection="continue",
        length_timer=60,
        ringing_timer=30,
    )
    await use(lambda: client.voice.create_call(wanted))
    await stage.step(5)
    assert stage.statuses()[:4] == ["started", "ringing", "answered", "human"]


async def test_create_call_with_connect(stage: SimulatorHarness, client: Vonage) -> None:
    connect = Connect(from_=NUMBER, endpoint=[PhoneEndpoint(number="447700900556")])
    await use(lambda: client.voice.create_call(request(ncco=[connect])))
    await stage.step(3)
    assert stage.events(to="447700900556", status="answered")


async def test_list_calls(stage: SimulatorHarness, client: Vonage) -> None:
    uuid = await answered_call(stage, client)
    calls, more = await use(
        lambda: client.voice.list_calls(ListCallsFilter(status="answered", page_size=10))
    )
    assert [call.uuid for call in calls] == [uuid]
    assert more is None


async def test_get_call(stage: SimulatorHarness, client: Vonage) -> None:
    uuid = await answered_call(stage, client)
    assert (await use(lambda: client.voice.get_call(uuid))).status == "answered"
    await use(lambda: client.voice.hangup(uuid))
    await stage.step(1)
    call = await use(lambda: client.voice.get_call(uuid))
    assert (call.status, call.rate) == ("completed", "0.00720000")
    assert call.duration is not None
    assert call.link == f"/v1/calls/{uuid}"


async def test_transfer_call_ncco(stage: SimulatorHarness, client: Vonage) -> None:
    uuid = await answered_call(stage, client)
    await use(lambda: client.voice.transfer_call_ncco(uuid, [Talk(text="transferred")]))
    await stage.step(1)
    heard = (await stage.sim("GET", f"/calls/{uuid}")).json["heard"]
    assert heard[-1]["text"] == "transferred"


async def test_transfer_call_answer_url(stage: SimulatorHarness, client: Vonage) -> None:
    stage.on("/other", [talk("from the url")])
    uuid = await answered_call(stage, client)
    await use(lambda: client.voice.transfer_call_answer_url(uuid, stage.url("/other")))
    await stage.step(1)
    assert len(stage.sent_to("/other")) == 1


async def test_mute_unmute_earmuff_unearmuff(stage: SimulatorHarness, client: Vonage) -> None:
    uuid = await answered_call(stage, client)
    voice = client.voice
    for change, name, expected in (
        (voice.mute, "muted", True),
        (voice.unmute, "muted", False),
        (voice.earmuff, "earmuffed", True),
        (voice.unearmuff, "earmuffed", False),
    ):
        await asyncio.to_thread(change, uuid)
        assert (await stage.sim("GET", f"/calls/{uuid}")).json[name] is expected


async def test_play_and_stop_audio_and_tts_and_dtmf(
    stage: SimulatorHarness, client: Vonage
) -> None:
    uuid = await answered_call(stage, client)
    voice = client.voice
    audio = AudioStreamOptions(stream_url=[stage.url("/music.mp3")], loop=1, level=0.5)
    messages = [
        (await use(lambda: voice.play_audio_into_call(uuid, audio))).message,
        (await use(lambda: voice.stop_audio_stream(uuid))).message,
        (await use(lambda: voice.play_tts_into_call(uuid, TtsStreamOptions(text="hi")))).message,
        (await use(lambda: voice.stop_tts(uuid))).message,
        (await use(lambda: voice.play_dtmf_into_call(uuid, "1234*#"))).message,
    ]
    assert messages == [
        "Stream started",
        "Stream stopped",
        "Talk started",
        "Talk stopped",
        "DTMF sent",
    ]


async def test_download_recording(stage: SimulatorHarness, client: Vonage, tmp_path: Path) -> None:
    await stage.ring([{"action": "record", "timeOut": 3}])
    await stage.step(6)
    (event,) = [body for body in stage.events() if "recording_url" in body]
    target = tmp_path / "recording.mp3"
    await use(lambda: client.voice.download_recording(event["recording_url"], str(target)))
    assert target.stat().st_size == event["size"]


async def test_verify_signature(stage: SimulatorHarness, client: Vonage) -> None:
    await stage.ring([talk("hello")])
    token = stage.received[0].headers["Authorization"].removeprefix("Bearer ")
    assert await use(lambda: client.voice.verify_signature(token, SIGNATURE_SECRET)) is True
    assert await use(lambda: client.voice.verify_signature(token, API_SECRET * 3)) is False


async def test_errors_400_401_404_429_500(
    stage: SimulatorHarness, client: Vonage, sdk: Callable[..., Vonage]
) -> None:
    uuid = await answered_call(stage, client)
    await stage.step(1)
    bad = request(answer_url=["not a url"])
    with pytest.raises(HttpRequestError) as refused:
        await use(lambda: client.voice.create_call(bad))
    assert refused.value.response.status_code == 400
    with pytest.raises(AuthenticationError):
        await use(lambda: sdk("another-application").voice.get_call(uuid))
    with pytest.raises(NotFoundError):
        await use(lambda: client.voice.get_call("unknown"))
    await stage.faults(api_429=1)
    with pytest.raises(RateLimitedError):
        await use(lambda: client.voice.get_call(uuid))
    await stage.faults(api_5xx=1)
    with pytest.raises(ServerError):
        await use(lambda: client.voice.get_call(uuid))


async def test_a_dropped_connection_makes_the_sdk_place_the_call_again(
    stage: SimulatorHarness, client: Vonage
) -> None:
    await stage.faults(api_drop_after={"times": 1})
    try:
        await use(lambda: client.voice.create_call(request()))
    except OSError:
        return  # which of the SDK's two retries sees the drop depends on the moment
    assert len((await stage.sim("GET", "/calls")).json["calls"]) == 2


async def test_application_api(stage: SimulatorHarness, client: Vonage) -> None:
    def work() -> tuple[Any, Any, Any, Any]:
        created = client.application.create_application(ApplicationConfig(name="mine"))
        read = client.application.get_application(created.id)
        listed, _ = client.application.list_applications()
        updated = client.application.update_application(created.id, ApplicationConfig(name="yours"))
        client.application.delete_application(created.id)
        return created, read, listed, updated

    created, read, listed, updated = await use(work)
    assert created.keys.public_key == read.keys.public_key
    assert created.id in [application.id for application in listed]
    assert updated.name == "yours"


async def test_numbers_api(stage: SimulatorHarness, client: Vonage) -> None:
    def work() -> tuple[Any, Any, Any]:
        numbers, _, _ = client.numbers.list_owned_numbers()
        application = client.application.create_application(ApplicationConfig(name="mine"))
        wanted = UpdateNumberParams(country="GB", msisdn=NUMBER, app_id=application.id)
        status = client.numbers.update_number(wanted)
        return numbers, status, application.id

    numbers, status, application_id = await use(work)
    assert numbers[0].msisdn == NUMBER
    assert status.error_code == "200"
    assert (await stage.sim("GET", "")).json["numbers"][NUMBER] == application_id


async def test_webhooks_of_the_sdks_ncco_are_served(
    stage: SimulatorHarness, client: Vonage
) -> None:
    stage.on("/answer", lambda got: web.json_response([Talk(text="hi").model_dump()]))
    call = await stage.ring()
    await stage.step(2)
    assert await call.texts() == ["hi"]
