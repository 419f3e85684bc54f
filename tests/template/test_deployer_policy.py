"""The policy of the person who deploys allows what the template's resources need, and nothing else.

Source of the actions: the permissions that the handlers of each resource type name in its schema
(`aws cloudformation describe-type`), without those of properties that the template does not have.
Lambda functions and permissions, tables, rules, dashboards, bucket policies, deployment groups and
stages: the operations of their APIs, since their schemas could not be read.
"""

from __future__ import annotations

import fnmatch
import json
import re
from typing import Any

from tests.support.transformed_template import TEMPLATE
from tests.template.golden import transformed

POLICY = json.loads((TEMPLATE.parent / "docs/examples/deployer_policy.json").read_text())
STATEMENTS: dict[str, dict[str, Any]] = {one["Sid"]: one for one in POLICY["Statement"]}
# The most characters of a role's inline policies, without white space (IAM quotas).
INLINE_LIMIT = 10_240
_API = "apigateway: DELETE GET PATCH POST PUT"
_LOG_DELIVERY = (
    "logs: CreateLogDelivery DeleteLogDelivery DescribeResourcePolicies GetLogDelivery"
    " ListLogDeliveries PutResourcePolicy UpdateLogDelivery"
)
TYPES = {
    "AWS::ApiGatewayV2::Api": f"{_API}; iam: CreateServiceLinkedRole",
    "AWS::ApiGatewayV2::ApiMapping": _API,
    "AWS::ApiGatewayV2::DomainName": _API,
    "AWS::ApiGatewayV2::Stage": f"{_API}; {_LOG_DELIVERY}",
    "AWS::CloudWatch::Alarm": "cloudwatch: DeleteAlarms DescribeAlarms ListTagsForResource"
    " PutMetricAlarm TagResource UntagResource",
    "AWS::CloudWatch::Dashboard": "cloudwatch: DeleteDashboards GetDashboard PutDashboard",
    "AWS::CodeDeploy::Application": "codedeploy: CreateApplication DeleteApplication"
    " GetApplication ListTagsForResource TagResource UntagResource",
    "AWS::CodeDeploy::DeploymentGroup": "codedeploy: CreateDeploymentGroup DeleteDeploymentGroup"
    " GetDeploymentGroup ListTagsForResource TagResource UntagResource UpdateDeploymentGroup;"
    " iam: PassRole",
    "AWS::DynamoDB::Table": "dynamodb: CreateTable DeleteTable DescribeContinuousBackups"
    " DescribeContributorInsights DescribeKinesisStreamingDestination DescribeTable"
    " DescribeTimeToLive GetResourcePolicy ListTagsOfResource TagResource UntagResource"
    " UpdateContinuousBackups UpdateTable UpdateTimeToLive",
    "AWS::Events::EventBus": "events: CreateEventBus DeleteEventBus DescribeEventBus"
    " ListTagsForResource TagResource UntagResource UpdateEventBus",
    "AWS::Events::Rule": "events: DeleteRule DescribeRule ListTagsForResource ListTargetsByRule"
    " PutRule PutTargets RemoveTargets TagResource UntagResource",
    "AWS::IAM::ManagedPolicy": "iam: CreatePolicy CreatePolicyVersion DeletePolicy"
    " DeletePolicyVersion GetPolicy GetPolicyVersion ListEntitiesForPolicy ListPolicyVersions",
    "AWS::IAM::Role": "iam: AttachRolePolicy CreateRole DeleteRole DeleteRolePolicy"
    " DetachRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies"
    " PutRolePolicy TagRole UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription",
    "AWS::KMS::Key": "kms: CreateKey DescribeKey DisableKeyRotation EnableKeyRotation GetKeyPolicy"
    " GetKeyRotationStatus ListResourceTags PutKeyPolicy ScheduleKeyDeletion TagResource"
    " UntagResource UpdateKeyDescription",
    # A changed alias is shifted by CodeDeploy where deployments are gradual.
    "AWS::Lambda::Alias": "lambda: CreateAlias DeleteAlias GetAlias GetProvisionedConcurrencyConfig"
    " UpdateAlias; codedeploy: CreateDeployment GetDeployment GetDeploymentConfig"
    " GetDeploymentGroup RegisterApplicationRevision StopDeployment",
    "AWS::Lambda::EventInvokeConfig": "lambda: DeleteFunctionEventInvokeConfig"
    " GetFunctionEventInvokeConfig PutFunctionEventInvokeConfig"
    " UpdateFunctionEventInvokeConfig",
    "AWS::Lambda::EventSourceMapping": "lambda: CreateEventSourceMapping DeleteEventSourceMapping"
    " GetEventSourceMapping ListTags TagResource UntagResource UpdateEventSourceMapping",
    "AWS::Lambda::Function": "lambda: CreateFunction DeleteFunction GetFunction"
    " GetFunctionCodeSigningConfig GetFunctionConfiguration GetFunctionRecursionConfig"
    " GetRuntimeManagementConfig ListTags TagResource UntagResource UpdateFunctionCode"
    " UpdateFunctionConfiguration; iam: PassRole; s3: GetObject",
    "AWS::Lambda::LayerVersion": "lambda: DeleteLayerVersion GetLayerVersion PublishLayerVersion;"
    " s3: GetObject",
    "AWS::Lambda::Permission": "lambda: AddPermission GetPolicy RemovePermission",
    "AWS::Lambda::Version": "lambda: DeleteFunction GetFunctionConfiguration"
    " GetProvisionedConcurrencyConfig GetRuntimeManagementConfig ListVersionsByFunction"
    " PublishVersion",
    "AWS::Logs::LogGroup": "logs: CreateLogGroup DeleteLogGroup DeleteRetentionPolicy"
    " DescribeIndexPolicies DescribeLogGroups GetDataProtectionPolicy ListTagsForResource"
    " PutRetentionPolicy TagResource UntagResource",
    "AWS::Logs::MetricFilter": "logs: DeleteMetricFilter DescribeMetricFilters PutMetricFilter",
    # The handler reads every configuration of a bucket, even those that it does not have.
    "AWS::S3::Bucket": "s3: CreateBucket DeleteBucket GetAccelerateConfiguration"
    " GetAnalyticsConfiguration GetBucketCORS GetBucketLogging GetBucketNotification"
    " GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPublicAccessBlock"
    " GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration"
    " GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration"
    " GetMetricsConfiguration GetReplicationConfiguration ListBucket PutBucketNotification"
    " PutBucketOwnershipControls PutBucketPublicAccessBlock PutBucketTagging"
    " PutEncryptionConfiguration PutLifecycleConfiguration",
    "AWS::S3::BucketPolicy": "s3: DeleteBucketPolicy GetBucketPolicy PutBucketPolicy",
    "AWS::SNS::Subscription": "sns: GetSubscriptionAttributes GetTopicAttributes"
    " SetSubscriptionAttributes Subscribe Unsubscribe",
    "AWS::SNS::Topic": "sns: CreateTopic DeleteTopic GetDataProtectionPolicy GetTopicAttributes"
    " ListSubscriptionsByTopic ListTagsForResource SetTopicAttributes TagResource UntagResource",
    "AWS::SNS::TopicPolicy": "sns: SetTopicAttributes",
    "AWS::SQS::Queue": "sqs: CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags"
    " SetQueueAttributes TagQueue UntagQueue",
    "AWS::SQS::QueuePolicy": "sqs: SetQueueAttributes",
    "AWS::SecretsManager::Secret": "secretsmanager: CreateSecret DeleteSecret DescribeSecret"
    " GetSecretValue TagResource UntagResource UpdateSecret",
}
# The operations that the SAM CLI itself requests for deploy, sync and delete (aws-sam-cli 1.170.0:
# lib/deploy, lib/sync, lib/delete, lib/package), and those of its own stack, which holds a bucket.
SAM = (
    "cloudformation: CreateChangeSet CreateStack DeleteStack DescribeChangeSet DescribeStackEvents"
    " DescribeStackResource DescribeStacks ExecuteChangeSet GetTemplate GetTemplateSummary"
    " ListChangeSets ListStackResources UpdateStack; lambda: ListLayerVersions; s3: DeleteObject"
    " GetObject PutBucketVersioning PutObject"
)


def actions(text: str) -> set[str]:
    """Return ``service:Action`` for each action of ``service: Action Action; …``."""
    parts = [part.strip().partition(": ") for part in text.split(";")]
    return {f"{service}:{name}" for service, _, names in parts for name in names.split()}


def listed(value: str | list[str]) -> list[str]:
    """Return a policy's value as a list."""
    return [value] if isinstance(value, str) else value


ALLOWED = {one for statement in STATEMENTS.values() for one in listed(statement["Action"])}


def test_every_resource_type_has_its_actions_and_no_other_type_is_listed() -> None:
    assert {one["Type"] for one in transformed()["Resources"].values()} == set(TYPES)
    missing = {name: actions(text) - ALLOWED for name, text in TYPES.items()}
    assert {name: one for name, one in missing.items() if one} == {}


def test_no_action_is_allowed_that_neither_a_resource_nor_the_sam_cli_needs() -> None:
    needed = actions(SAM).union(*map(actions, TYPES.values()))
    assert ALLOWED - needed == set()
    assert actions(SAM) <= ALLOWED


def test_no_action_has_a_wildcard_and_every_statement_allows() -> None:
    assert [one for one in ALLOWED if "*" in one] == []
    assert {one["Effect"] for one in STATEMENTS.values()} == {"Allow"}
    assert len(STATEMENTS) == len(POLICY["Statement"])


def test_what_has_a_name_is_limited_to_names_of_the_stacks() -> None:
    """The rest needs a condition, or only reads."""
    reads = {"ReadTemplate", "SyncLayer"}
    for sid, statement in STATEMENTS.items():
        everything = listed(statement["Resource"]) == ["*"]
        assert everything <= ("Condition" in statement or sid in reads), sid
        for resource in [] if everything else listed(statement["Resource"]):
            assert re.search(
                r"[:/](voice-\*|aws-sam-cli-managed-default)|PackagesLayer"
                r"|:secret:[A-Z][a-z]+Secret-\*|transform/Serverless|CodeDeployDefault\.Lambda"
                r"|:/(apis|domainnames|tags)|AWSServiceRoleForAPIGateway|event-source-mapping:",
                resource,
            ), (sid, resource)
    for sid in reads:
        assert all(re.match(r"\w+:(Get|List)", one) for one in listed(STATEMENTS[sid]["Action"]))


def test_the_secrets_are_those_of_the_template() -> None:
    named = {
        re.findall(r":secret:(\w+)-", one)[0] for one in STATEMENTS["ManageSecrets"]["Resource"]
    }
    types = {name: one["Type"] for name, one in transformed()["Resources"].items()}
    assert named == {name for name, one in types.items() if one == "AWS::SecretsManager::Secret"}


def test_roles_are_passed_only_to_services_that_the_template_gives_a_role() -> None:
    statement = STATEMENTS["PassRoles"]
    assert statement["Action"] == ["iam:PassRole"]
    assert statement["Resource"] == "arn:aws:iam::*:role/voice-*"
    services = {
        principal["Principal"]["Service"][0]
        if isinstance(principal["Principal"]["Service"], list)
        else principal["Principal"]["Service"]
        for one in transformed()["Resources"].values()
        if one["Type"] == "AWS::IAM::Role"
        for principal in one["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    }
    assert set(statement["Condition"]["StringEquals"]["iam:PassedToService"]) == services


def test_the_managed_policies_that_roles_get_can_be_attached() -> None:
    allowed = STATEMENTS["AttachPolicies"]["Condition"]["ArnLike"]["iam:PolicyARN"]
    attached = {
        arn
        for one in transformed()["Resources"].values()
        if one["Type"] == "AWS::IAM::Role"
        for arn in one["Properties"].get("ManagedPolicyArns", [])
        if isinstance(arn, str) and arn.startswith("arn:")
    }
    assert attached
    for arn in attached:
        assert any(fnmatch.fnmatchcase(arn, pattern) for pattern in allowed), arn


def test_it_fits_into_an_inline_policy_of_a_role() -> None:
    assert len(re.sub(r"\s", "", json.dumps(POLICY))) <= INLINE_LIMIT
