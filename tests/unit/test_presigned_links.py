"""Presigned links to recordings work in every region: Signature Version 4, and the bucket's host.

S3 accepts Signature Version 2 only for buckets from before June 2020 (S3 user guide, "AWS signature
version 2 turned off"). The global host redirects to buckets in other regions, with an invalid
signature.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from calls.app import aws_client
from listen import app as listen_app
from records.reader import LINK_LIFETIME, RecordReader

RECORDING = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"


class OneRecording:
    """A table with the items of one recording and its transcript."""

    def query(self, **_: Any) -> dict[str, Any]:
        stored = {"sk": "record", "key": "recordings/a.mp3", "conversation": "CON-1"}
        transcript = {"sk": "transcription", "key": "transcripts/a.json"}
        return {"Items": [{k: {"S": v} for k, v in item.items()} for item in (stored, transcript)]}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-key")


# By default, boto3 signs links with version 2 in the first two, and uses the global host in the
# others.
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "eu-central-1", "mx-central-1"])
def test_links_have_signature_version_4_and_the_buckets_host_in_its_region(
    monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    reader = RecordReader(OneRecording(), aws_client("s3"), "events", "voice-recordings")
    result = reader.link_to(RECORDING)
    for name in ("url", "transcript_url"):
        link = urlsplit(result[name])
        query = parse_qs(link.query)
        assert link.scheme == "https"
        assert link.netloc == f"voice-recordings.s3.{region}.amazonaws.com"
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert f"/{region}/s3/aws4_request" in query["X-Amz-Credential"][0]
        assert query["X-Amz-Expires"] == [str(LINK_LIFETIME)]
        assert not {"Signature", "AWSAccessKeyId"} & set(query)


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_the_link_of_a_mail_leads_to_the_buckets_host_in_its_region(
    monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    listen_app.s3.cache_clear()
    place = {"Bucket": "voice-recordings", "Key": "recordings/CON-1/a"}
    link = urlsplit(listen_app.s3().generate_presigned_url("get_object", Params=place))
    listen_app.s3.cache_clear()
    assert link.netloc == f"voice-recordings.s3.{region}.amazonaws.com"
    assert "X-Amz-Signature" in parse_qs(link.query)


@pytest.mark.parametrize("service", ["dynamodb", "secretsmanager"])
def test_other_clients_keep_their_own_signature(
    monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config = aws_client(service).meta.config
    assert config.signature_version == "v4"
    assert (config.connect_timeout, config.read_timeout) == (1, 3)


def test_the_s3_client_keeps_the_time_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config = aws_client("s3").meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert config.retries["total_max_attempts"] == 3
