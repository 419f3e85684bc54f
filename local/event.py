"""`python -m local.event`: print a signed sample request as a Lambda event."""

from local.samples.lambda_event import main

main()
