"""How fast it is, beside what it could be compared with. No test: nothing here passes or fails."""

import sys
from pathlib import Path

# Where the application's own modules are; pytest puts it on the path by itself.
sys.path.append(str(Path(__file__).parents[2] / "functions"))
