"""The API keeps to its own description, whatever it is sent."""

import subprocess
import sys
from pathlib import Path

from tests.replica import Replica
from tests.servers import HOST, gunicorn

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = 20
# Every path that is described, but the one that takes its time
OPTIONS = ("--exclude-path=/slow", "--phases=examples,coverage,fuzzing,stateful", "--seed=1")
# In a 405 Starlette names the methods of one route only, where several share a path
BUT = "--exclude-checks=allow_header_conformance"


def test_every_answer_is_as_described(environment: dict[str, str], tmp_path: Path) -> None:
    limits = {"WRITES_PER_MINUTE": "1000000", "SIGN_INS_PER_MINUTE": "1000000"}
    with gunicorn(environment | limits) as (_, port):
        token = Replica(port).sign_up()
        done = subprocess.run(
            [
                *(SCHEMATHESIS, "run", f"http://{HOST}:{port}/openapi.json", *OPTIONS, BUT),
                *(f"--max-examples={EXAMPLES}", f"--header=Authorization: Bearer {token}"),
            ],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout + done.stderr
