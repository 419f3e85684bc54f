"""The least that a Lambda function can do."""


def handler(event, context):
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": "[]"}
