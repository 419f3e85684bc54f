"""`python -m local.event`: print a signed sample webhook as the event that Lambda receives."""

from local.samples.lambda_event import main

main()
