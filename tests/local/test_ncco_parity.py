"""Where the simulator and the application read the same rule, each on its own, they must agree."""

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

# Each with its reason in that file.
STRICTER = {
    line
    for line in (Path(__file__).parent / "stricter-than-vonage.txt").read_text().splitlines()
    if line and not line.startswith("#")
}


def fixtures(kind: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted((FIXTURES / kind).glob("*.json"))]


def taken_by_simulator(actions: object) -> bool:
    try:
        parse(actions)
    except InvalidNcco:
        return False
    return True


@pytest.mark.parametrize("path", fixtures("good"))
def test_what_the_application_takes_for_an_ncco_vonage_takes_too(path: Path) -> None:
    content = json.loads(path.read_text())
    actions = content["ncco"] if isinstance(content, dict) else content
    ncco.check(actions)  # the fixture is good
    assert taken_by_simulator(actions)


@pytest.mark.parametrize("path", fixtures("bad"))
def test_what_the_application_refuses_vonage_refuses_too_or_it_is_listed(path: Path) -> None:
    actions = json.loads(path.read_text())["ncco"]
    assert taken_by_simulator(actions) == (path.stem in STRICTER)


FIELDS = st.dictionaries(
    st.sampled_from(["from", "to", "uuid", "conversation_uuid", "status", "timestamp", "dtmf"]),
    st.text() | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    max_size=6,
)


@given(fields=FIELDS, method=st.sampled_from(["GET", "POST"]))
def test_what_the_simulator_signs_the_application_believes(
    fields: dict[str, Any], method: Any
) -> None:
    # given a webhook as the simulator sends it to a URL with a parameter of its own
    url, body = build_request(
        WebhookTarget("https://a.example/webhooks/dtmf?flow=x", method), fields
    )
    query = urlsplit(url).query
    signed = body if body is not None else compact_json(dict(signature.parameters(query)))
    now = time.time()
    token = sign_webhook(
        SECRETS.secrets[0], SECRETS.api_key, SECRETS.application_id, int(now), "jti", signed
    )
    # when the application checks it
    request = signature.SignedParts(method, query, body or b"", frozenset({"flow"}))
    fits = signature.verify(f"Bearer {token}", request, SECRETS, now=now, max_age=300)
    # then the signature and the hash fit
    assert fits
