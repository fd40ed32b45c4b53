"""The sealed test ground: an outer Docker Engine, images made from packages, a registry, hosts.

A host is a container that runs systemd and, once deployed to, a Docker Engine of its own. The
standard library is all this needs, so that it works before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "ground"
SSH = CACHE / "ssh"

PREFIX = "fullstack-ground"
NETWORK = PREFIX
SUBNET = "10.213.0.0/24"
# Addresses that are not asked for by name come from the upper half.
DYNAMIC_RANGE = "10.213.0.128/25"
REGISTRY = f"{PREFIX}-registry"
REGISTRY_ALIAS = "registry.lan"
# The registry as this machine sees it; the hosts say registry.lan:5000.
REGISTRY_ADDRESS = "127.0.0.1:5055"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")

MANIFEST_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
# What the machine's apt may need to reach its mirror, or to accept a frozen one.
INHERITED_APT_OPTIONS = (
    "Acquire::Check-Date",
    "Acquire::Check-Valid-Until",
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
)
BOOTSTRAP_OPTIONS = (
    "--variant=minbase",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/lintian/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
)


class GroundError(Exception):
    """Something the ground needs is missing or failed; the message says what and why."""


@dataclass(frozen=True)
class Image:
    """One image of the ground.

    Attributes:
        name: repository and version, without the ground's prefix.
        suite: the Debian suite to bootstrap, for a root file system.
        folder: the folder under images/ that holds the Dockerfile, for any other image.
        base: the name of the image it is built on.
        builder: the name of the image whose tools a first stage needs.
        arguments: build arguments.
        served: whether the registry serves it to the hosts.
        optional: built only when everything is asked for.
    """

    name: str
    suite: str = ""
    folder: str = ""
    base: str = ""
    builder: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    served: bool = False
    optional: bool = False

    @property
    def repository(self) -> str:
        """The name without its version."""
        return self.name.partition(":")[0]


def postgres(major: int, suite: str, volume: str, data: str, *, optional: bool = False) -> Image:
    """Describe a PostgreSQL image.

    Args:
        major: major version.
        suite: the Debian suite that has it.
        volume: where the official image of that version wants its volume.
        data: its data directory.
        optional: built only when everything is asked for.
    """
    arguments = {"MAJOR": str(major), "VOLUME": volume, "PGDATA": data}
    return Image(
        name=f"postgres:{major}",
        folder="postgres",
        base=f"debian:{suite}",
        arguments=arguments,
        served=True,
        optional=optional,
    )


# Bases come before what is built on them; the slowest builds come first.
IMAGES = (
    Image("debian:forky", suite="forky"),
    Image("debian:trixie", suite="trixie"),
    Image("host:trixie", folder="host", base="debian:trixie"),
    Image(
        "python:3.13",
        folder="python",
        base="debian:forky",
        arguments={"VERSION": "3.13"},
        served=True,
    ),
    postgres(18, "forky", "/var/lib/postgresql", "/var/lib/postgresql/18/docker"),
    Image("host:trixie-docker", folder="host-docker", base="host:trixie"),
    Image(
        "node:24",
        folder="node",
        base="debian:forky",
        builder="python:3.13",
        arguments={"MAJOR": "24"},
        served=True,
    ),
    Image("nginx:1.30", folder="nginx", base="debian:forky", served=True),
    Image("redis:8", folder="redis", base="debian:forky", served=True),
    Image("registry:2", folder="registry", base="debian:trixie"),
    Image("busybox:1", folder="busybox", base="debian:forky", served=True),
    postgres(17, "trixie", "/var/lib/postgresql/data", "/var/lib/postgresql/data", optional=True),
)


@dataclass(frozen=True)
class AptSettings:
    """What images take from this machine's own apt.

    Attributes:
        mirror: URL of a Debian archive; empty where the machine has none (mmdebstrap's default).
        options: apt configuration lines.
    """

    mirror: str
    options: tuple[str, ...]


def find_mirror(targets: str, codename: str) -> str:
    """Find the main archive in apt's index targets.

    Args:
        targets: lines of ``URI release component``.
        codename: the release that this machine runs.

    Returns:
        The URI, or nothing where no line is of that release's main component.
    """
    for line in targets.splitlines():
        uri, release, component = line.split()
        if (release, component) == (codename, "main"):
            return uri
    return ""


def select_apt_options(dump: str) -> tuple[str, ...]:
    """Pick the lines of ``apt-config dump`` that images inherit."""
    lines = (line.strip() for line in dump.splitlines())
    return tuple(sorted(line for line in lines if line.split(" ")[0] in INHERITED_APT_OPTIONS))


def digest_of(parts: Sequence[str | bytes]) -> str:
    """Hash parts unambiguously and return twelve hexadecimal digits."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(f"{len(data)}:".encode())
        total.update(data)
    return total.hexdigest()[:12]


def tag_images(images: Sequence[Image], apt: AptSettings, files: Mapping[str, Sequence[str | bytes]]) -> dict[str, str]:
    """Name every image by the hash of all that goes into it.

    Args:
        images: the images, bases first.
        apt: this machine's apt settings, part of the root file systems.
        files: for each folder, what its files amount to.

    Returns:
        Full reference by image name.
    """
    tags: dict[str, str] = {}
    for image in images:
        inputs: list[str | bytes]
        if image.suite:
            inputs = [image.suite, apt.mirror, *apt.options, *BOOTSTRAP_OPTIONS]
        else:
            arguments = [f"{key}={value}" for key, value in sorted(image.arguments.items())]
            bases = [tags[name] for name in (image.base, image.builder) if name]
            inputs = [*bases, *arguments, *files[image.folder]]
        tags[image.name] = f"{PREFIX}/{image.name}-{digest_of(inputs)}"
    return tags


def client_can_build(version: str, *, has_buildx: bool) -> bool:
    """Whether a Docker client builds with BuildKit: before 23 by itself, later through buildx."""
    found = re.search(r"version (\d+)\.", version)
    return has_buildx or (found is not None and int(found[1]) < 23)


def run(
    command: Sequence[str],
    *,
    check: bool = True,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command and capture its output.

    Args:
        command: program and arguments.
        check: whether a non-zero exit is an error.
        text: standard input.
        environment: variables added to this process's own.

    Raises:
        GroundError: the command failed, with the end of what it wrote.
    """
    result = subprocess.run(
        list(command),
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if check and result.returncode:
        output = (result.stdout + result.stderr).strip().splitlines()[-40:]
        raise GroundError("\n".join([f"failed ({result.returncode}): {' '.join(command)}", *output]))
    return result


def wait_for(what: str, condition: Callable[[], object], seconds: float = 60) -> None:
    """Ask until a condition holds.

    Raises:
        GroundError: it did not hold in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise GroundError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def as_root(*command: str) -> list[str]:
    """Prefix a command with sudo where this process is not root."""
    return list(command) if os.geteuid() == 0 else ["sudo", *command]


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Let one process at a time change the ground."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


# --- the engine ---------------------------------------------------------------------------------


def install(*packages: str) -> None:
    """Install those of the named packages that this distribution has."""
    apt_get = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qqy")
    run(as_root(*apt_get, "update"))
    known = [name for name in packages if run(["apt-cache", "show", name], check=False).stdout]
    report(f"apt-get install {' '.join(known)}")
    run(as_root(*apt_get, "install", "--no-install-recommends", *known))


def engine_answers(client: Sequence[str]) -> bool:
    """Whether an Engine answers this client."""
    return run([*client, "info"], check=False).returncode == 0


def start_engine() -> None:
    """Start the Docker Engine, by systemd where it runs, else by hand."""
    if Path("/run/systemd/system").is_dir():
        run(as_root("systemctl", "enable", "--now", "docker"))
    else:
        log = as_root("sh", "-c", "exec setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null")
        subprocess.Popen(log, start_new_session=True)
    wait_for("the Docker Engine (/var/log/dockerd.log, journalctl -u docker)", find_client, 60)


def find_client() -> list[str]:
    """Find a Docker client that reaches the Engine and can build for it.

    Returns:
        The command, with sudo where the socket asks for it; nothing where there is none.
    """
    folders = [*os.get_exec_path(), "/usr/bin"]
    programs = dict.fromkeys(str(Path(folder) / "docker") for folder in folders)
    for program in filter(lambda path: os.access(path, os.X_OK), programs):
        version = run([program, "--version"], check=False).stdout
        buildx = run([program, "buildx", "version"], check=False).returncode == 0
        if not client_can_build(version, has_buildx=buildx):
            continue
        for client in [[program]] if os.geteuid() == 0 else [[program], ["sudo", program]]:
            if engine_answers(client):
                return client
    return []


@functools.cache
def docker_client() -> tuple[str, ...]:
    """Return the Docker client, after making sure that an Engine runs.

    Raises:
        GroundError: the Engine could not be installed or started.
    """
    client = find_client()
    if not client:
        if not shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin"):
            install("docker.io", "docker-cli", "docker-buildx", "iptables")
        client = find_client()
    if not client:
        start_engine()
        client = find_client()
    return tuple(client)


def docker(*arguments: str, check: bool = True, text: str | None = None) -> str:
    """Run a Docker command and return what it prints."""
    environment = {"DOCKER_BUILDKIT": "1"}
    return run([*docker_client(), *arguments], check=check, text=text, environment=environment).stdout.strip()


# --- images -------------------------------------------------------------------------------------


def read_apt_settings() -> AptSettings:
    """Read mirror and options from this machine's apt."""
    release = platform.freedesktop_os_release()
    mirror = ""
    if release["ID"] == "debian":
        layout = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
        targets = run(["apt-get", "indextargets", "--format", layout]).stdout
        mirror = find_mirror(targets, release["VERSION_CODENAME"])
        if mirror.startswith("mirror+file:"):
            mirror = Path(mirror.removeprefix("mirror+file:").rstrip("/")).read_text().split()[0]
    return AptSettings(mirror, select_apt_options(run(["apt-config", "dump"]).stdout))


def read_folder(folder: Path) -> list[str | bytes]:
    """List path, executable bit and content of every file that a build sees."""
    parts: list[str | bytes] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            executable = "x" if os.access(path, os.X_OK) else "-"
            parts += [str(path.relative_to(folder)), executable, path.read_bytes()]
    return parts


def ca_digest() -> str:
    """Hash the machine's certificate bundle, which the hosts trust."""
    return digest_of([CA_BUNDLE.read_bytes()])


def wanted_images(*, everything: bool) -> tuple[list[Image], AptSettings, dict[str, str]]:
    """Work out which images are wanted, and their references.

    Args:
        everything: whether optional images are wanted as well.
    """
    apt = read_apt_settings()
    shared: list[str | bytes] = [(HERE / "images" / "apt.conf").read_bytes()]
    files = {image.folder: shared + read_folder(HERE / "images" / image.folder) for image in IMAGES}
    files["host"].append(ca_digest())
    tags = tag_images(IMAGES, apt, files)
    return [image for image in IMAGES if everything or not image.optional], apt, tags


def bootstrap(image: Image, reference: str, apt: AptSettings) -> None:
    """Make a root file system from packages and import it."""
    options = [*BOOTSTRAP_OPTIONS, *(f"--aptopt={line}" for line in apt.options)]
    mirror = [apt.mirror] if apt.mirror else []
    with (CACHE / f"{image.suite}.log").open("w+") as log:
        maker = subprocess.Popen(
            as_root("mmdebstrap", *options, image.suite, "-", *mirror),
            stdout=subprocess.PIPE,
            stderr=log,
        )
        taker = subprocess.run(
            [*docker_client(), "import", "--change", 'CMD ["bash"]', "-", reference],
            stdin=maker.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
        if maker.wait() or taker.returncode:
            log.seek(0)
            raise GroundError(f"bootstrap of {image.name}:\n{log.read()[-3000:]}{taker.stderr}")


def build(image: Image, tags: Mapping[str, str]) -> None:
    """Build an image from its folder."""
    arguments = {**image.arguments, "BASE": tags[image.base]}
    if image.builder:
        arguments["BUILDER"] = tags[image.builder]
    if image.folder == "host":
        arguments["CA_DIGEST"] = ca_digest()
    docker(
        "build",
        "--quiet",
        "--network=host",
        f"--secret=id=apt,src={HERE / 'images' / 'apt.conf'}",
        f"--secret=id=ca,src={CA_BUNDLE}",
        *(f"--build-arg={key}={value}" for key, value in arguments.items()),
        f"--tag={tags[image.name]}",
        str(HERE / "images" / image.folder),
    )


def make_images(images: Sequence[Image], apt: AptSettings, tags: Mapping[str, str]) -> None:
    """Make what is missing, two at a time, each as soon as its base is there."""
    listing = docker("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
    present = dict(line.split() for line in listing)
    jobs: dict[str, Future[None]] = {}

    def make(image: Image) -> None:
        for name in (image.base, image.builder):
            if name in jobs:
                jobs[name].result()
        begin = time.monotonic()
        if image.suite:
            bootstrap(image, tags[image.name], apt)
        else:
            build(image, tags)
        report(f"image {image.name} made in {time.monotonic() - begin:.0f} s")

    with ThreadPoolExecutor(max_workers=3) as pool:
        for image in images:
            if tags[image.name] not in present:
                jobs[image.name] = pool.submit(make, image)
        for job in jobs.values():
            job.result()

    for image in images:
        name, reference = f"{PREFIX}/{image.name}", tags[image.name]
        if reference not in present or present.get(name) != present[reference]:
            docker("tag", reference, name)
    stale = [
        reference
        for reference in present
        if re.fullmatch(rf"{PREFIX}/.+-[0-9a-f]{{12}}", reference) and reference not in tags.values()
    ]
    if stale:
        docker("rmi", "--no-prune", *stale, check=False)


# --- network and registry -----------------------------------------------------------------------


def ensure_network() -> None:
    """Make the network that hosts and registry share."""
    if not docker("network", "ls", "--quiet", "--filter", f"name=^{NETWORK}$"):
        docker("network", "create", "--subnet", SUBNET, "--ip-range", DYNAMIC_RANGE, NETWORK)
        report(f"network {NETWORK} ({SUBNET}) made")


def ensure_registry(reference: str) -> None:
    """Run the registry from the given image."""
    layout = "{{.State.Running}} {{.Config.Image}}"
    state = docker("inspect", "--format", layout, REGISTRY, check=False)
    if state == f"true {reference}":
        return
    if state:
        docker("rm", "--force", REGISTRY)
    docker(
        *("run", "--detach", "--name", REGISTRY, "--restart", "unless-stopped"),
        *("--network", NETWORK, "--network-alias", REGISTRY_ALIAS),
        *("--publish", f"{REGISTRY_ADDRESS}:5000"),
        *("--volume", f"{REGISTRY}:/var/lib/registry"),
        reference,
    )
    report(f"registry runs as {REGISTRY_ALIAS}:5000, here {REGISTRY_ADDRESS}")


def ask_registry(repository: str, version: str) -> str:
    """Return the digest of an image that the registry serves, or nothing."""
    request = urllib.request.Request(
        f"http://{REGISTRY_ADDRESS}/v2/fullstack/{repository}/manifests/{version}",
        method="HEAD",
        headers={"Accept": ", ".join(MANIFEST_TYPES)},
    )
    # The registry is on this machine: a proxy of the environment has no say.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return str(answer.headers["Docker-Content-Digest"])
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return ""
        raise GroundError(f"registry: {error} for {request.full_url}") from error


def registry_listens() -> bool:
    """Whether the registry accepts requests."""
    try:
        ask_registry("postgres", "18")
    except (urllib.error.URLError, OSError):
        return False
    return True


def push_images(images: Sequence[Image], tags: Mapping[str, str]) -> None:
    """Push what the registry does not serve yet, by version and by content hash."""
    wait_for("the registry", registry_listens)
    for image in (image for image in images if image.served):
        exact = tags[image.name].rpartition(":")[2]
        version = image.name.rpartition(":")[2]
        if ask_registry(image.repository, exact) == ask_registry(image.repository, version) != "":
            continue
        for tag in (exact, version):
            name = f"{REGISTRY_ADDRESS}/fullstack/{image.repository}:{tag}"
            docker("tag", tags[image.name], name)
            docker("push", "--quiet", name)
            docker("rmi", "--no-prune", name)
        report(f"image {image.name} pushed to {REGISTRY_ALIAS}:5000/fullstack/{image.name}")


# --- hosts --------------------------------------------------------------------------------------


def container_exists(name: str) -> bool:
    """Whether a container of this name exists."""
    return bool(docker("ps", "--all", "--quiet", "--filter", f"name=^{name}$"))


def host_flags(name: str, image: str, address: str, publish: Sequence[str]) -> list[str]:
    """Build the flags that give a container what systemd and an Engine of its own need."""
    return [
        *("--name", name, "--hostname", name, "--label", f"{PREFIX}=host"),
        *("--network", NETWORK, *(("--ip", address) if address else ())),
        *(flag for port in publish for flag in ("--publish", port)),
        # --privileged would ask for SYS_RESOURCE, which a machine without it cannot give.
        *("--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE"),
        *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
        *("--security-opt", "systempaths=unconfined", "--cgroupns", "private"),
        *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec,mode=1777"),  # noqa: S108 - a mount point
        *("--volume", "/var/lib/docker"),
        f"{PREFIX}/{image}",
    ]


def ssh_configuration(name: str, address: str, folder: Path) -> str:
    """Write the section of one host for ssh."""
    return f"""\
Host {name} {address}
  HostName {address}
  HostKeyAlias {name}
  User root
  IdentityFile {folder}/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/hosts/{name}.known_hosts
  StrictHostKeyChecking yes
  ServerAliveInterval 5
  ServerAliveCountMax 3
  LogLevel ERROR
"""


def admit(name: str, address: str) -> None:
    """Let this machine log in as root by key, and pin the host's own key."""
    (SSH / "hosts").mkdir(parents=True, exist_ok=True, mode=0o700)
    key = SSH / "id_ed25519"
    if not key.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", PREFIX, "-f", str(key)])
        (SSH / "config").write_text(f"Include {SSH}/hosts/*.conf\n")
    public = key.with_suffix(".pub").read_text()
    write = "umask 077 && cat >/root/.ssh/authorized_keys"
    docker("exec", "--interactive", name, "sh", "-c", write, text=public)
    host_key = docker("exec", name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    (SSH / "hosts" / f"{name}.known_hosts").write_text(f"{name} {host_key}\n")
    # Logins to other hosts read it as well, at any moment
    part = SSH / "hosts" / f"{name}.new"
    part.write_text(ssh_configuration(name, address, SSH))
    part.replace(part.with_suffix(".conf"))


def await_boot(name: str) -> None:
    """Wait until every unit of a host has started.

    Raises:
        GroundError: the host did not come up, or units failed.
    """

    def settled() -> bool:
        state = docker("exec", name, "systemctl", "is-system-running", check=False)
        if state == "degraded":
            failed = docker("exec", name, "systemctl", "--failed", "--plain", "--no-legend")
            raise GroundError(f"{name}: units failed:\n{failed}")
        return state == "running"

    wait_for(f"{name}: systemd", settled)


def host_up(name: str, image: str, address: str, publish: Sequence[str]) -> str:
    """Start a host, make it if need be, and wait until it can be logged in to.

    Args:
        name: of the container, the host and its entry in the ssh configuration.
        image: one of the ground's host images, with its version.
        address: on the ground's network; empty for any.
        publish: ports of the machine, as Docker takes them.

    Returns:
        The host's address.
    """
    if not container_exists(name):
        if not docker("images", "--quiet", f"{PREFIX}/{image}"):
            raise GroundError(f"there is no image {PREFIX}/{image}: run tests/ground/build first")
        docker("run", "--detach", *host_flags(name, image, address, publish))
    else:
        docker("start", name)
    await_boot(name)
    layout = f'{{{{(index .NetworkSettings.Networks "{NETWORK}").IPAddress}}}}'
    found = docker("inspect", "--format", layout, name)
    with lock():
        admit(name, found)
    return found


def host_reboot(name: str) -> None:
    """Reboot a host and wait until every unit has started again."""
    docker("restart", name)
    host_up(name, "", "", ())


# Prints the failed units of a host, its containers, and the last lines of those that are not well
STATE = r"""
systemctl --failed --plain --no-legend
command -v docker >/dev/null || exit 0
docker ps --all --format '{{.Names}}\t{{.Status}}'
docker ps --all --format '{{.Names}} {{.Status}}' | grep -Ev ' Up [^()]*( \(healthy\))?$| Exited \(0\)' |
while read -r name status; do
    echo "--- last lines of $name ($status)"
    docker logs --tail 15 "$name" 2>&1 </dev/null
done
"""


def host_state(name: str) -> str:
    """Tell how a host is: its containers, and the last lines of those that are not well."""
    if not container_exists(name):
        return f"{name}: there is no such host\n"
    found = run([*docker_client(), "exec", name, "timeout", "20", "sh", "-c", STATE], check=False)
    return f"{name}:\n{found.stdout}{found.stderr}"


def host_down(name: str, record: Path | None = None) -> None:
    """Remove a host, its volumes and what ssh knows of it.

    Args:
        name: of the host.
        record: folder of a file NAME.txt that tells how it was.
    """
    if record:
        record.mkdir(parents=True, exist_ok=True)
        (record / f"{name}.txt").write_text(host_state(name))
    if container_exists(name):
        docker("rm", "--force", "--volumes", name)
    for suffix in ("conf", "known_hosts"):
        (SSH / "hosts" / f"{name}.{suffix}").unlink(missing_ok=True)


# --- all of it ----------------------------------------------------------------------------------


def report(message: str) -> None:
    """Say what was done."""
    print(f"ground: {message}", file=sys.stderr, flush=True)


def build_all(*, everything: bool) -> None:
    """Bring the ground up: engine, images, network, registry and what it serves.

    Args:
        everything: whether to build the optional images as well.
    """
    begin = time.monotonic()
    with lock():
        docker_client()
        if not shutil.which("mmdebstrap") or not CA_BUNDLE.exists() or not shutil.which("ssh"):
            install("mmdebstrap", "debian-archive-keyring", "ca-certificates", "openssh-client")
        images, apt, tags = wanted_images(everything=everything)
        make_images(images, apt, tags)
        ensure_network()
        ensure_registry(tags["registry:2"])
        push_images(images, tags)
    report(f"ready after {time.monotonic() - begin:.1f} s")


def clean_all(*, images: bool) -> None:
    """Remove hosts, registry, network and volumes of the ground.

    Args:
        images: whether to remove the images as well.
    """
    with lock():
        for name in docker("ps", "--all", "--filter", f"network={NETWORK}", "--format", "{{.Names}}").split():
            host_down(name)
        docker("network", "rm", NETWORK, check=False)
        volumes = docker("volume", "ls", "--quiet", "--filter", f"name=^{PREFIX}-").split()
        if volumes:
            docker("volume", "rm", *volumes)
        filters = ("--filter", f"reference={PREFIX}*", "--filter", f"reference={PREFIX}*/*")
        references = docker("images", "--format", "{{.Repository}}:{{.Tag}}", *filters).split()
        if images and references:
            docker("rmi", *references)


def main(command: Callable[[], None]) -> None:
    """Run a command and turn its known errors into one message and exit code 1."""
    try:
        command()
    except GroundError as error:
        sys.exit(f"ground: {error}")
