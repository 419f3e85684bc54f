"""The simulator under one of Vonage's names, for clients that refuse other hosts."""

import socket
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.simulator.harness import SimulatorHarness, talk
from vonage_simulator import Simulator, SimulatorSettings

HOST = "api-eu-3.vonage.com"
MakeHarness = Callable[..., Awaitable[SimulatorHarness]]


class LocalResolver(aiohttp.abc.AbstractResolver):
    """Resolve every name to this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
        ]

    async def close(self) -> None:
        """Do nothing: the resolver holds nothing."""


async def status_of(harness: SimulatorHarness, url: str) -> int:
    """Return the status of a request over TLS with the simulator's CA."""
    context = ssl.create_default_context(cafile=harness.simulator.ca_file)
    connector = aiohttp.TCPConnector(ssl=context, resolver=LocalResolver())
    headers = {"Authorization": f"Bearer {harness.token()}"}
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.get(url, headers=headers) as response,
    ):
        return response.status


async def test_recordings_and_region_have_the_public_host_and_are_served(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(public_host=HOST)
    port = urlsplit(harness.simulator.tls_url).port
    await harness.receive_call([{"action": "record", "timeOut": 3}])
    await harness.step(6)
    assert harness.sent_to("/answer")[0].fields["region_url"] == f"https://{HOST}:{port}"
    (event,) = [body for body in harness.events() if "recording_url" in body]
    assert event["recording_url"].startswith(f"https://{HOST}:{port}/v1/files/")
    assert await status_of(harness, event["recording_url"]) == 200
    assert await status_of(harness, f"https://localhost:{port}/v1/calls") == 200


async def test_requests_for_the_public_host_may_name_any_port_or_none(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(public_host=HOST)
    for host, status in (
        (HOST, 200),
        (f"{HOST}:443", 200),
        ("api-us-3.vonage.com", 403),
        (f"evil.{HOST}", 403),
        (f"{HOST}.evil", 403),
    ):
        response = await harness.request("GET", "/sim", headers={"Host": host})
        assert response.status == status, host


async def test_without_the_setting_vonages_names_are_refused(harness: SimulatorHarness) -> None:
    response = await harness.request("GET", "/sim", headers={"Host": HOST})
    assert response.status == 403


async def test_calls_are_found_under_the_host_of_their_region_only(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(public_host="api-us-3.vonage.com", region="eu-west")
    call = await harness.receive_call([talk("hello", loop=0)])
    headers = {"Authorization": f"Bearer {harness.token()}", "Host": "api-us-3.vonage.com"}
    response = await harness.request("GET", f"/v1/calls/{call.uuid}", headers=headers)
    assert response.status == 404


@pytest.mark.parametrize("host", ["https://api.nexmo.com", "api.nexmo.com:443", "API.nexmo.com"])
async def test_a_public_host_that_is_not_a_name_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="must be a name in lower case"):
        await Simulator(SimulatorSettings(public_host=host)).start()
