"""Say what the kernel and the engine know of a Compose project's containers. Runs on the host.

python3 - PROJECT    prints a JSON list, one object a container
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CGROUPS = Path("/sys/fs/cgroup")
CAPABILITIES = ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")


def docker(*arguments: str) -> str:
    """Run docker and return what it prints."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def fields(text: str) -> dict[str, str]:
    """Return the `name: value` (or `name value`) lines of a file below /proc or /sys."""
    pairs = (line.replace(":", " ", 1).split(None, 1) for line in text.splitlines())
    return {pair[0]: pair[-1].strip() for pair in pairs if len(pair) == 2}


def cgroup(pid: int, controller: str) -> Path:
    """Return the folder that holds the limits of a process: of its own hierarchy (v1), or the one of all (v2)."""
    unified = CGROUPS
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return CGROUPS / controller / path.lstrip("/")
        if not controllers:
            unified = CGROUPS / path.lstrip("/")
    return unified


def number(path: Path) -> int | None:
    """Return the number in a file; none where it says that there is no limit."""
    text = path.read_text().strip()
    return None if text == "max" else int(text)


def limits(pid: int) -> dict[str, Any]:
    """Return the limits in force: bytes, processes, cores; and how often the kernel killed for memory."""
    memory, cpu = cgroup(pid, "memory"), cgroup(pid, "cpu")
    known: dict[str, Any] = {"pids": number(cgroup(pid, "pids") / "pids.max")}
    if (memory / "memory.max").exists():
        quota, period = (cpu / "cpu.max").read_text().split()
        weight = number(cpu / "cpu.weight") or 0
        known |= {
            "memory": number(memory / "memory.max"),
            "memory_reserved": number(memory / "memory.low"),
            # As runc turns shares (2 to 262144) into a weight (1 to 10000), back
            "cpu_shares": 2 + round((weight - 1) * 262142 / 9999),
            "oom_kills": int(fields((memory / "memory.events").read_text())["oom_kill"]),
        }
    else:
        quota, period = (cpu / "cpu.cfs_quota_us").read_text(), (cpu / "cpu.cfs_period_us").read_text()
        known |= {
            "memory": number(memory / "memory.limit_in_bytes"),
            "memory_reserved": number(memory / "memory.soft_limit_in_bytes"),
            "cpu_shares": number(cpu / "cpu.shares"),
            "oom_kills": int(fields((memory / "memory.oom_control").read_text())["oom_kill"]),
        }
    return known | {"cpus": None if quota == "max" else int(quota) / int(period)}


def process(pid: int) -> dict[str, Any]:
    """Return what a process is and may do."""
    status = fields(Path(f"/proc/{pid}/status").read_text())
    return {
        "pid": pid,
        "command": Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1],
        "environment": Path(f"/proc/{pid}/environ").read_text().split("\0")[:-1],
        "uids": sorted({int(uid) for uid in status["Uid"].split()}),
        "gids": sorted({int(gid) for gid in status["Gid"].split()}),
        "capabilities": {name: int(status[name], 16) for name in CAPABILITIES},
        "no_new_privileges": status["NoNewPrivs"] == "1",
    }


def processes(pid: int) -> list[dict[str, Any]]:
    """Return the processes of the container whose main process is given, those that end meanwhile left out."""
    found = []
    for line in (cgroup(pid, "pids") / "cgroup.procs").read_text().split():
        try:
            found.append(process(int(line)))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def mounts(pid: int) -> dict[str, list[str]]:
    """Return the options of each mount point of a process."""
    lines = (line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    return {line[4]: line[5].split(",") for line in lines}


def secrets(pid: int) -> dict[str, dict[str, int]]:
    """Return owner and mode of each secret file, as the container has them."""
    root = Path(f"/proc/{pid}/root")
    files = [path for path in (root / "run/secrets").rglob("*") if path.is_file()]
    return {
        str(path.relative_to(root / "run/secrets")): {"uid": path.stat().st_uid, "mode": path.stat().st_mode & 0o7777}
        for path in files
    }


def observe(inspected: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of one container; of one that does not run, only what the engine says."""
    pid = inspected["State"]["Pid"]
    if not pid:
        return {"inspect": inspected}
    return {
        "inspect": inspected,
        "limits": limits(pid),
        "processes": processes(pid),
        "mounts": mounts(pid),
        "secrets": secrets(pid),
        "network_namespace": Path(f"/proc/{pid}/ns/net").stat().st_ino,
    }


def main(project: str) -> None:
    """Print the containers of a project."""
    ids = docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={project}").split()
    inspected = json.loads(docker("container", "inspect", *ids)) if ids else []
    print(json.dumps([observe(one) for one in inspected]))


if __name__ == "__main__":
    main(sys.argv[1])
