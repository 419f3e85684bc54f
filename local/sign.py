"""`python -m local.sign`: print a `curl` command that sends a signed sample webhook."""

from local.samples.curl import main

main()
