"""`python -m local.simulator`: the command `python -m vonage_simulator` under its former name."""

import sys

from vonage_simulator.__main__ import main

sys.exit(main())
