"""Keys and secrets, generated at each start, so that those of one run are useless in the next."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class LocalCredentials:
    """Credentials of the local AWS account and the simulated Vonage account."""

    aws_access_key_id: str
    aws_secret_access_key: str = field(repr=False)
    aws_session_token: str = field(repr=False)
    application_id: str
    private_key: str = field(repr=False)
    public_key: str
    api_key: str
    api_secret: str = field(repr=False)
    signature_secret: str = field(repr=False)


def generate() -> LocalCredentials:
    """Generate the credentials of one run, in the formats of AWS and Vonage."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return LocalCredentials(
        aws_access_key_id="AKIA" + "".join(secrets.choice(_BASE32) for _ in range(16)),
        aws_secret_access_key=secrets.token_urlsafe(30),
        aws_session_token=secrets.token_urlsafe(60),
        application_id=str(uuid.uuid4()),
        private_key=pem.decode(),
        public_key=public.decode(),
        api_key=secrets.token_hex(4),
        api_secret=secrets.token_urlsafe(12),
        signature_secret=secrets.token_urlsafe(48),
    )
