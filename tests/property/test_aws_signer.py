"""The signatures of voicekit.aws_client, with botocore as their oracle."""

from __future__ import annotations

import datetime
import string
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from hypothesis import given
from hypothesis import strategies as st

from voicekit.aws_client import AwsCredentials, signed_headers

VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))
HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]{1,20}\.[a-z]{2}-[a-z]{4,9}-[1-9]\.amazonaws\.com", fullmatch=True),
    st.integers(1, 65535).map("127.0.0.1:{}".format),
    st.integers(81, 65535).map("[::1]:{}".format),
)


@given(
    host=HOSTS,
    service=st.sampled_from(["secretsmanager", "dynamodb", "sqs"]),
    region=st.from_regex(r"[a-z]{2}(-[a-z]{3,9}){1,2}-[1-9]", fullmatch=True),
    target=st.text(string.ascii_letters + string.digits + "._", min_size=1, max_size=60),
    content_type=st.sampled_from(["application/x-amz-json-1.0", "application/x-amz-json-1.1"]),
    body=st.binary(max_size=2000),
    key_id=st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=32),
    secret=st.text(VISIBLE, min_size=1, max_size=64),
    token=st.none() | st.text(VISIBLE, min_size=1, max_size=1500),
    moment=st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2099, 12, 31)),
)
def test_signs_byte_for_byte_as_botocore_does(
    host: str,
    service: str,
    region: str,
    target: str,
    content_type: str,
    body: bytes,
    key_id: str,
    secret: str,
    token: str | None,
    moment: datetime.datetime,
) -> None:
    headers = {"Host": host, "Content-Type": content_type, "X-Amz-Target": target}
    request = botocore.awsrequest.AWSRequest("POST", f"http://{host}/", headers=headers, data=body)
    signer = botocore.auth.SigV4Auth(
        botocore.credentials.Credentials(key_id, secret, token), service, region
    )
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda: moment):
        signer.add_auth(request)

    ours = signed_headers(
        headers,
        body,
        service=service,
        region=region,
        credentials=AwsCredentials(key_id, secret, token),
        now=moment.replace(tzinfo=datetime.UTC).timestamp(),
    )

    assert ours == dict(request.headers.items())


@given(secret=st.text(VISIBLE, min_size=20), token=st.text(VISIBLE, min_size=20))
def test_the_repr_of_credentials_hides_them(secret: str, token: str) -> None:
    credentials = AwsCredentials("AKIA", secret, token)

    assert repr(credentials) == f"{credentials}" == "AwsCredentials(...)"
