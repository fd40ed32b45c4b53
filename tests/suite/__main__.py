"""Run the tests; `tests/run --help` says how, `tests/run --list` names the parts."""

import sys

from tests.suite.command import main

if __name__ == "__main__":
    sys.exit(main())
