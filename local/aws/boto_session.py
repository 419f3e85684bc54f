"""A boto3 session that depends on nothing of this machine's own AWS configuration."""

from __future__ import annotations

import functools
import os

import boto3
import botocore.session
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as VARIABLES


@functools.cache
def isolated_session(region: str) -> boto3.Session:
    """Return a session that reads no environment variable and no file of the AWS configuration.

    A profile in AWS_PROFILE that does not exist, for example, would be an error in any other.
    """
    settings = {
        name: (None, None, default, conversion)
        for name, (_, _, default, conversion) in VARIABLES.items()
    }
    for name in ("config_file", "credentials_file"):
        settings[name] = (None, None, os.devnull, None)
    core = botocore.session.Session(settings)
    return boto3.Session(botocore_session=core, region_name=region)


def without_aws_variables() -> dict[str, str]:
    """Return this process's environment without the variables that configure AWS clients."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
