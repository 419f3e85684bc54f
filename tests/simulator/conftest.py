"""Fixtures of the simulator's tests: a harness with a stopped clock."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.simulator.harness import NUMBER, SECOND_NUMBER, SimulatorHarness
from vonage_simulator import Simulator, SimulatorSettings, WebhookTarget

SIGNATURE_SECRET = "a signature secret that is long enough"
API_SECRET = "an api secret"
START_TIME = 1_700_000_000.0


@pytest.fixture(scope="session")
def private_key() -> RSAPrivateKey:
    """The application's key, created once per session: that is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def private_pem(private_key: RSAPrivateKey) -> str:
    return private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture(scope="session")
def public_pem(private_key: RSAPrivateKey) -> str:
    return (
        private_key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.fixture
async def make_harness(
    private_key: RSAPrivateKey, public_pem: str
) -> AsyncIterator[Callable[..., Awaitable[SimulatorHarness]]]:
    """A factory of harnesses with other settings; their clocks are stopped."""
    cleanups: list[Callable[[], Awaitable[Any]]] = []

    async def make(
        answer_method: str = "GET",
        fallback: bool = False,
        event: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
        **settings: Any,
    ) -> SimulatorHarness:
        client = aiohttp.ClientSession()
        cleanups.append(client.close)
        harness = SimulatorHarness(private_key, client)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", harness.serve)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server()
        cleanups.append(server.close)
        harness.base = f"http://127.0.0.1:{server.port}"
        chosen: dict[str, Any] = {
            "public_key": public_pem,
            "api_secret": API_SECRET,
            "signature_secret": SIGNATURE_SECRET,
            "answer": WebhookTarget(
                harness.url("/answer"), "POST" if answer_method == "POST" else "GET"
            ),
            "event": WebhookTarget(harness.url("/event")) if event else None,
            "fallback": WebhookTarget(harness.url("/fallback"), "POST") if fallback else None,
            "numbers": (NUMBER, SECOND_NUMBER),
            "speed": 0.0,
            "start_time": START_TIME,
            "seed": 1,
        }
        harness.simulator = Simulator(SimulatorSettings(**(chosen | settings)), monotonic)
        cleanups.append(harness.simulator.stop)
        await harness.simulator.start()
        return harness

    yield make
    for cleanup in reversed(cleanups):
        await cleanup()


@pytest.fixture
async def harness(make_harness: Callable[..., Awaitable[SimulatorHarness]]) -> SimulatorHarness:
    """A harness with the usual settings."""
    return await make_harness()
