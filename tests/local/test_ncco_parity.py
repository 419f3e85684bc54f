"""The simulator and the application implement the same rules independently, and must agree."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit import ncco, signature
from vonage_simulator.errors import InvalidNcco
from vonage_simulator.ncco import parse
from vonage_simulator.settings import WebhookTarget
from vonage_simulator.webhook_sender import build_request, compact_json, sign_webhook

FIXTURES = Path(__file__).parents[1] / "unit/voicekit/ncco"
SECRETS = signature.SigningSecrets((uuid.uuid4().hex,), "abcd1234", str(uuid.uuid4()))

# The file states the reasons.
STRICTER = {
    line
    for line in (Path(__file__).parent / "stricter-than-vonage.txt").read_text().splitlines()
    if line and not line.startswith("#")
}


def fixtures(kind: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted((FIXTURES / kind).glob("*.json"))]


def simulator_accepts(actions: object) -> bool:
    try:
        parse(actions)
    except InvalidNcco:
        return False
    return True


@pytest.mark.parametrize("path", fixtures("good"))
def test_vonage_accepts_every_ncco_that_the_application_accepts(path: Path) -> None:
    content = json.loads(path.read_text())
    actions = content["ncco"] if isinstance(content, dict) else content
    ncco.check(actions)  # the fixture is valid
    assert simulator_accepts(actions)


@pytest.mark.parametrize("path", fixtures("bad"))
def test_vonage_rejects_every_ncco_that_the_application_rejects_unless_listed(path: Path) -> None:
    actions = json.loads(path.read_text())["ncco"]
    assert simulator_accepts(actions) == (path.stem in STRICTER)


FIELDS = st.dictionaries(
    st.sampled_from(["from", "to", "uuid", "conversation_uuid", "status", "timestamp", "dtmf"]),
    st.text() | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    max_size=6,
)


@given(fields=FIELDS, method=st.sampled_from(["GET", "POST"]))
def test_the_application_verifies_the_simulators_signatures(
    fields: dict[str, Any], method: Any
) -> None:
    # given a webhook of the simulator to a URL with its own query parameter
    url, body = build_request(
        WebhookTarget("https://a.example/webhooks/dtmf?flow=x", method), fields
    )
    query = urlsplit(url).query
    signed = body if body is not None else compact_json(dict(signature.parameters(query)))
    now = time.time()
    token = sign_webhook(
        SECRETS.secrets[0], SECRETS.api_key, SECRETS.application_id, int(now), "jti", signed
    )
    # when the application verifies it
    request = signature.SignedParts(method, query, body or b"", frozenset({"flow"}))
    hash_matches = signature.verify(f"Bearer {token}", request, SECRETS, now=now, max_age=300)
    # then the signature is valid and the hash matches
    assert hash_matches
