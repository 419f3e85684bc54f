"""The minimum for storing an event with boto3: one put_item."""

import os

import boto3

dynamodb = boto3.client("dynamodb")


def handler(event, context):
    dynamodb.put_item(TableName=os.environ["TABLE_NAME"], Item=event["item"])
    return {"statusCode": 204}
