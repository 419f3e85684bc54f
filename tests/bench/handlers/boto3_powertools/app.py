"""The answer webhook with the usual Lambda packages: PyJWT, boto3, Powertools."""

import hashlib
import os

import jwt
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities import parameters

logger = Logger(service="answer")
app = APIGatewayHttpResolver()


@app.post("/webhooks/answer")
def answer():
    secret = parameters.get_secret(os.environ["SIGNING_SECRET_ID"], transform="json", max_age=300)
    request = app.current_event
    try:
        claims = jwt.decode(
            request.headers["authorization"].removeprefix("Bearer "),
            secret["signature_secret"],
            algorithms=["HS256"],
            issuer="Vonage",
            options={"require": ["iat", "jti", "iss", "payload_hash"]},
        )
    except jwt.InvalidTokenError:
        return Response(status_code=401)
    if hashlib.sha256(request.decoded_body.encode()).hexdigest() != claims["payload_hash"]:
        return Response(status_code=401)
    call = request.json_body
    logger.info("webhook", extra={"conversation": call["conversation_uuid"]})
    return [{"action": "talk", "text": f"Thank you for calling from {' '.join(call['from'])}."}]


def handler(event, context):
    return app.resolve(event, context)
