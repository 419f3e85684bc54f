"""Sign webhooks as Vonage does: for the heartbeat, and for tools outside Lambda.

No function that answers Vonage imports this module. Vonage webhooks guide, signed webhooks: a JWT
signed with HS256, with a hash of what is sent.
"""

from __future__ import annotations

import hashlib
import uuid

from voicekit.signature import compact_json, hs256_token, parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from voicekit.signature import SigningSecrets


def sign(secrets: SigningSecrets, method: str, query: str, body: bytes, now: float) -> str:
    """Return the Authorization header of a webhook, signed with the newest secret.

    Parameters
    ----------
    secrets
        The account that signs.
    method, query, body
        The request: the signature covers the query string on GET, else the body.
    now
        When the token is issued, in seconds since 1970.
    """
    content = compact_json(dict(parameters(query))) if method == "GET" else body
    claims = {
        "iat": int(now),
        "jti": str(uuid.uuid4()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(content).hexdigest(),
        "api_key": secrets.api_key,
        "application_id": secrets.application_id,
    }
    return f"Bearer {hs256_token(claims, secrets.secrets[0].encode())}"
