"""Store a recording with boto3's upload_fileobj, without threads, checks, and records."""

import json
import os

import boto3
import requests
from boto3.s3.transfer import TransferConfig

http = requests.Session()
s3 = boto3.client("s3")
single_threaded = TransferConfig(use_threads=False)


def handler(event, context):
    for record in event["Records"]:
        fields = json.loads(json.loads(record["body"])["body"])
        headers = {"Accept-Encoding": "identity"}
        with http.get(
            fields["recording_url"], headers=headers, stream=True, timeout=20
        ) as response:
            bucket, key = os.environ["BUCKET_NAME"], fields["recording_uuid"]
            s3.upload_fileobj(response.raw, bucket, key, Config=single_threaded)
    return {"batchItemFailures": []}
