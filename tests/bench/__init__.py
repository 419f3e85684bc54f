"""Benchmarks against other implementations. These are not tests: nothing passes or fails."""

import sys
from pathlib import Path

# The application's modules. pytest adds this folder to the path itself.
sys.path.append(str(Path(__file__).parents[2] / "functions"))
