"""Built by this collection, from git, with uv.lock; the frontend by npm; HTTPS with the team's own certificate."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.scenario.certificates import issue
from tests.scenario.own_app import ADDRESS
from tests.scenario.stack import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

    from tests.scenario.own_app import Shop
    from tests.scenario.stack import Compose, Run, Site

GREETING = """it's "5" o'clock, $HOME is ${HOME} # no comment"""

STARLETTE = "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.11'\ndependencies = ['starlette==1.10.0']\n"
PACKAGE = """readme = 'README.md'
[build-system]
requires = ['hatchling']
build-backend = 'hatchling.build'
[tool.hatch.build.targets.wheel]
packages = ['src/x']
"""
SOURCES = {
    "plain-requirements": {
        "requirements.txt": "-r requirements-web.txt\n",
        "requirements-web.txt": "starlette==1.10.0\n",
        "x.py": "import starlette",
    },
    "pyproject-alone": {"pyproject.toml": STARLETTE, "x.py": "import starlette"},
    "package": {
        "pyproject.toml": STARLETTE + PACKAGE,
        "README.md": "# X",
        "src/x/__init__.py": "import starlette\nassert __file__.startswith('/opt/venv/')",
    },
}


class TestWayIn:
    """A user with sudo, a repository with a deploy key."""

    def test_root_cannot_log_in(self, host: Host) -> None:
        assert "permitrootlogin no" in host.check_output("sshd -T")

    def test_play_came_as_a_user_with_sudo(self, host: Host) -> None:
        assert host.check_output("logname 2>/dev/null || echo $SUDO_USER") == "deploy"

    def test_what_a_login_makes_is_for_its_user_alone(self, host: Host) -> None:
        assert host.check_output("umask") == "0077"

    def test_all_users_can_read_what_the_containers_are_made_of(self, host: Host) -> None:
        left_out = " -o ".join(f"-path '*/{one}' -prune" for one in (".git", "secrets", "spool/nginx", ".described"))
        assert host.check_output(f"find /opt/shop {left_out} -o ! -perm -a+r -print") == ""

    def test_all_users_can_read_which_step_a_run_is_in(self, host: Host) -> None:
        assert host.file("/opt/shop/.lock").mode == 0o644

    def test_source_is_the_commit_of_the_branch(self, host: Host) -> None:
        commit = host.check_output("runuser -u git -- git -C /srv/git/shop.git rev-parse release")
        assert host.check_output("git -C /opt/shop/backend rev-parse HEAD") == commit

    def test_deploy_key_is_for_root_alone(self, host: Host) -> None:
        key = host.file("/opt/shop/secrets/git/backend.key")
        assert (key.user, key.mode) == ("root", 0o400)

    def test_only_the_pinned_server_is_believed(self, host: Host) -> None:
        assert host.file("/opt/shop/infra/git/backend.known_hosts").content_string.startswith(
            "10.213.0.20 ssh-ed25519 "
        )


@pytest.fixture
def agent(team: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have an SSH agent that holds the deploy key."""
    place = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL) as running:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        eventually(place.exists, 10)
        subprocess.run(["ssh-add", "-q", str(team / "deploy_key")], check=True)
        yield
        running.terminate()


@pytest.mark.usefixtures("agent")
def test_key_may_stay_in_an_agent_that_is_forwarded(host: Host, site: Site) -> None:
    # A connection of its own, in a folder of short name: one that is open already forwards nothing
    with tempfile.TemporaryDirectory() as folder:
        forwarded = f"-o ForwardAgent=yes -o ControlPath={folder}/%C"
        site.apply(fastapi_backend_git_key="", ansible_ssh_extra_args=forwarded)
    assert not host.file("/opt/shop/secrets/git/backend.key").exists


class TestEnvironment:
    """What the application finds, and nothing on the way changed it."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ALLOWED_HOSTS", '["localhost", "127.0.0.1", "shop.test", "www.shop.test"]'),
            ("APP_NAME", "Shop & Söhne"),
            ("BETA", "true"),
            ("CORS_ORIGINS", '["https://shop.test", "https://www.shop.test"]'),
            ("ENVIRONMENT", "production"),
            ("FEATURES", '["search", "ex\'port"]'),
            ("GREETING", GREETING),
            ("SECURE_COOKIES", "true"),
        ],
    )
    def test_plain_variable(self, shop: Shop, name: str, value: str) -> None:
        assert shop.about()["environment"][name] == value

    @pytest.mark.parametrize(
        ("name", "file"), [("SECRET_KEY", "jwt_secret_key"), ("PAYMENT_TOKEN", "env/PAYMENT_TOKEN")]
    )
    def test_secret_variable(self, shop: Shop, secrets: dict[str, str], name: str, file: str) -> None:
        assert shop.about()["secrets"][name] == hashlib.sha256(secrets[file].encode()).hexdigest()

    def test_passwords_with_odd_characters_open_the_database(self, shop: Shop) -> None:
        assert shop.request("POST", "/api/orders", {"article": "tea"}).json()[-1] == "tea"

    def test_passwords_with_odd_characters_open_redis(self, shop: Shop) -> None:
        assert shop.request("POST", "/api/visits").json() >= 1

    def test_a_command_by_hand_gets_the_secrets_by_with_env(self, compose: Compose, secrets: dict[str, str]) -> None:
        found = compose.exec("backend", "/etc/fullstack/with-env", "printenv", "PAYMENT_TOKEN")
        assert found == secrets["env/PAYMENT_TOKEN"]

    def test_a_command_by_hand_gets_no_secret_without_it(self, compose: Compose) -> None:
        assert compose.run("docker compose exec -T backend printenv PAYMENT_TOKEN").rc == 1

    def test_no_secret_stands_in_docker_inspect(self, host: Host, secrets: dict[str, str]) -> None:
        said = host.check_output("docker inspect $(docker ps -aq)")
        assert [name for name, value in secrets.items() if value in said or json.dumps(value)[1:-1] in said] == []


class TestPublishedData:
    """PostgreSQL and Redis have ports on the host, since the inventory says so."""

    PORTS = (3421, 6420)

    @pytest.mark.parametrize("port", PORTS)
    def test_host_itself_reaches_it(self, host: Host, port: int) -> None:
        host.check_output("python3 -c %s", f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")

    @pytest.mark.parametrize("service", ["db", "redis"])
    def test_it_is_published_on_the_hosts_own_address_alone(self, compose: Compose, service: str) -> None:
        ports = compose.container(service).inspect["NetworkSettings"]["Ports"]
        assert {binding["HostIp"] for bindings in ports.values() for binding in bindings or []} == {"127.0.0.1"}

    @pytest.mark.parametrize("port", PORTS)
    def test_nobody_else_reaches_it(self, port: int) -> None:
        with pytest.raises(OSError, match=r"refused|timed out"):
            socket.create_connection((ADDRESS, port), timeout=1)


class TestBuild:
    """The role's own Dockerfile on sources of several kinds."""

    @pytest.fixture(scope="class")
    @classmethod
    def built(cls, host: Host, compose: Compose, team: Path) -> dict[str, str]:
        """Build all of them, and one whose lock is out of date; return what each failed build said."""
        stale = {"pyproject.toml": STARLETTE, "uv.lock": (team / "source/service/uv.lock").read_text(), "x.py": ""}
        model = json.loads(compose.output("docker compose config --format json"))
        uv_version = model["services"]["backend"]["build"]["args"]["UV_VERSION"]
        script = (Path(__file__).parent / "build_variants.py").read_text()
        sources = json.dumps(SOURCES | {"stale": stale})
        said: dict[str, str] = json.loads(host.check_output("python3 -c %s %s %s", script, sources, uv_version))
        return said

    @pytest.mark.parametrize("name", SOURCES)
    def test_source_is_built(self, host: Host, built: dict[str, str], name: str) -> None:
        assert built[name] == ""
        host.check_output("docker run --rm variant:%s python3 -c 'import x'", name)

    def test_a_lock_that_is_out_of_date_is_refused(self, built: dict[str, str]) -> None:
        assert "The lockfile at `uv.lock` needs to be updated" in built["stale"]

    def test_packages_are_those_of_the_lock(self, compose: Compose) -> None:
        assert compose.exec("backend", "python3", "-c", "import redis; print(redis.__version__)") == "8.1.0"

    def test_server_comes_beside_what_the_application_brings(self, compose: Compose) -> None:
        assert compose.exec("backend", "gunicorn", "--version").startswith("gunicorn")

    def test_uv_is_not_in_the_image(self, compose: Compose) -> None:
        assert compose.run("docker compose exec -T backend sh -c 'ls /opt/uv; command -v uv'").rc != 0


class TestPage:
    """The frontend that npm built."""

    def test_page_has_what_the_build_was_given(self, shop: Shop) -> None:
        text = shop.get("/").text
        assert "<title>Shop &amp; Söhne</title>" in text
        assert "API at &#x2F;api, questions to help &amp; &quot;info&quot; &lt;$1&gt;" in text

    def test_assets_are_compressed_beforehand(self, host: Host, compose: Compose) -> None:
        assert "shop-1a2b3c4d.js.gz" in compose.exec("nginx", "ls", "/usr/share/nginx/html/assets")

    def test_prefix_reaches_the_application(self, shop: Shop) -> None:
        assert shop.about()["url"] == "https://shop.test/api/about"

    def test_application_sees_the_client(self, shop: Shop) -> None:
        assert shop.about()["client"] == shop.own_address()


class TestTls:
    """HTTPS, after Mozilla's intermediate profile."""

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_version_is_spoken(self, shop: Shop, version: ssl.TLSVersion) -> None:
        context = shop.context()
        context.minimum_version = context.maximum_version = version
        with shop.handshake(context) as connection:
            assert connection.version() == version.name.replace("_", ".")

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
    def test_older_versions_are_refused_by_the_server(self, shop: Shop) -> None:
        context = shop.context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError, match="TLSV1_ALERT_PROTOCOL_VERSION"):
            shop.handshake(context)

    def test_weak_ciphers_are_refused_by_the_server(self, shop: Shop) -> None:
        context = shop.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-ECDSA-AES128-SHA")
        with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
            shop.handshake(context)

    def test_http_2_is_offered(self, shop: Shop) -> None:
        context = shop.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with shop.handshake(context) as connection:
            assert connection.selected_alpn_protocol() == "h2"

    def test_http_is_redirected_with_its_method(self, shop: Shop) -> None:
        answer = shop.request("POST", "/api/orders?x=1", {}, secure=False)
        assert (answer.status, answer.headers["Location"]) == (308, "https://shop.test/api/orders?x=1")

    @pytest.mark.parametrize("path", ["/", "/api/about", "/api/nothing", "/assets/nothing.js"])
    def test_browsers_are_told_to_come_by_https(self, shop: Shop, path: str) -> None:
        assert shop.get(path).headers["Strict-Transport-Security"] == "max-age=63072000"

    def test_status_tells_how_long_the_certificate_lasts(self, shop: Shop, site: Site) -> None:
        with shop.handshake(shop.context()) as connection:
            certificate = connection.getpeercert()
        assert certificate
        end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), timezone.utc)
        assert f"certificate: until {end:%Y-%m-%d}" in site.apply(playbook="playbooks/status.yml").output


class TestCertificateThatWillNotDo:
    """It is refused before the host is asked for more than its name."""

    FAULTS: ClassVar = {
        "another key": "nginx_frontend_tls_key: does not belong to the certificate",
        "expired": "nginx_frontend_tls_certificate_file: expired on",
        "another name": "nginx_frontend_server_names: other.test is not in",
        "unknown authority": "whose issuer CN=Stranger is not trusted",
    }

    @staticmethod
    def trace(host: Host, compose: Compose) -> tuple[dict[str, str], str]:
        """Return what a deployment could have changed."""
        files = "find /opt/shop -path '*/.git' -prune -o -printf '%p %C@\n' | sort"
        return compose.ids(), host.check_output(files)

    @pytest.fixture(scope="class")
    @classmethod
    def refused(cls, host: Host, compose: Compose, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Run:
        """Run the play with one that has every fault at once."""
        folder = tmp_path_factory.mktemp("certificate")
        issue("shop.test", issue("Stranger"), days=-1).write(folder, "bad")
        before = cls.trace(host, compose)
        run = site.run(
            nginx_frontend_tls_certificate_file=str(folder / "bad.pem"),
            nginx_frontend_tls_key=issue("another").key_pem,
            nginx_frontend_server_names=["other.test"],
        )
        assert run.code != 0
        assert cls.trace(host, compose) == before
        return run

    @pytest.mark.parametrize("fault", FAULTS)
    def test_fault_is_told(self, refused: Run, fault: str) -> None:
        assert self.FAULTS[fault] in refused.said

    def test_host_was_not_asked(self, refused: Run) -> None:
        assert "ok: [fullstack-own]" not in refused.output.partition("Make sure that the host has Python")[2]
