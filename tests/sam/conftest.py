"""One `python -m local.sam` process for all tests, and checks after it exits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sam.sam_process import ROOT, SamLocal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def sam_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamLocal]:
    running = SamLocal(tmp_path_factory.mktemp("sam-local"))
    try:
        running.wait_until_ready()
        yield running
    finally:
        status = running.end()
    # It exits at Ctrl-C and leaves nothing behind.
    assert status == 0
    assert running.containers() == []
    assert [path.name for path in (ROOT / ".local").glob("s*")] == []
