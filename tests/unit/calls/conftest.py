"""The admin API with moto and a fake Vonage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.unit.calls.api_harness import ApiHarness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def make_client() -> Iterator[Callable[[str], Any]]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    clients: dict[str, Any] = {}

    def make(service: str) -> Any:
        if service in clients:
            return clients[service]
        clients[service] = boto3.client(
            service,
            endpoint_url=f"http://{host}:{port}",
            region_name="eu-west-2",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="not-a-key",
        )
        return clients[service]

    yield make
    for client in clients.values():
        client.close()
    server.stop()


@pytest.fixture
def api(make_client: Callable[[str], Any]) -> ApiHarness:
    return ApiHarness(make_client)
