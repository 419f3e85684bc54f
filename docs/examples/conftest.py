"""The switchboard of your tests."""

import pytest


@pytest.fixture(scope="session")
def voice_switchboard():
    return {"lines": {"447700900010": {"greeting": "Bakery, good day."}}}
