"""The answer webhook with FastAPI and Vonage's SDK, like Vonage's samples, on Lambda."""

import functools
import hashlib
import json
import logging
import os

import boto3
import jwt
from fastapi import FastAPI, HTTPException, Request
from mangum import Mangum
from vonage_jwt import verify_signature
from vonage_voice.models import Talk

log = logging.getLogger("answer")
log.setLevel(logging.INFO)
app = FastAPI()
secrets = boto3.client("secretsmanager")


@functools.cache
def secret():
    found = secrets.get_secret_value(SecretId=os.environ["SIGNING_SECRET_ID"])
    return json.loads(found["SecretString"])["signature_secret"]


@app.post("/webhooks/answer")
async def answer(request: Request):
    body = await request.body()
    token = request.headers["authorization"].removeprefix("Bearer ")
    if not verify_signature(token, secret()):
        raise HTTPException(401)
    claims = jwt.decode(token, options={"verify_signature": False})
    if claims["iss"] != "Vonage" or hashlib.sha256(body).hexdigest() != claims["payload_hash"]:
        raise HTTPException(401)
    call = json.loads(body)
    log.info("webhook", extra={"conversation": call["conversation_uuid"]})
    ncco = [Talk(text=f"Thank you for calling from {' '.join(call['from'])}.")]
    return [action.model_dump(by_alias=True, exclude_none=True) for action in ncco]


handler = Mangum(app, lifespan="off")
