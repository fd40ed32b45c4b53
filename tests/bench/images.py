"""Sizes of the images, by layer, beside their bases and the stages that build them."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from tests.bench.table import Goal, Rows

if TYPE_CHECKING:
    from tests.bench.host import Stack

TITLE = "Sizes of the images"
MEGABYTE = 1_000_000
# As one does it who does not think of size: one stage with pip, and then with the compiler that some packages ask for
ONE_STAGE = """\
FROM {base} AS pip
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=build_ca PIP_CERT=/run/secrets/build_ca pip install -q -r requirements.txt
FROM pip AS compiler
RUN apt-get -o Acquire::Check-Valid-Until=false update -qq && \\
    apt-get install -qqy --no-install-recommends build-essential libpq-dev >/dev/null
"""


def size(stack: Stack, image: str) -> float:
    """Return the size of an image, in megabytes."""
    return int(stack.output(f"docker image inspect --format '{{{{.Size}}}}' {image}")) / MEGABYTE


def base_of(stack: Stack, dockerfile: str) -> str:
    """Return the image that the last stage of a Dockerfile begins with."""
    return stack.output(f"awk '/^FROM/ {{found = $2}} END {{print found}}' {dockerfile}")


def builder(stack: Stack, service: str) -> float:
    """Return the size of the stage that builds an image."""
    name = f"bench-{service}-builder"
    override = json.dumps({"services": {service: {"image": name, "build": {"target": "builder"}}}})
    file = f"/root/{name}.json"
    stack.output(f"printf %s {shlex.quote(override)} >{file} && "
                 f"docker compose -f compose.yml -f {file} build --quiet {service}")  # fmt: skip
    found = size(stack, name)
    stack.output(f"docker image rm {name} >/dev/null; rm {file}")
    return found


def one_stage(stack: Stack, base: str, stage: str) -> float:
    """Return the size of an image of the backend that is built in one stage."""
    text = shlex.quote(ONE_STAGE.format(base=base))
    stack.output(f"printf %s {text} | docker build -q --network host --target {stage} -f - -t bench-one-stage "
                 "--secret id=build_ca,src=/etc/ssl/certs/ca-certificates.crt backend >/dev/null")  # fmt: skip
    found = size(stack, "bench-one-stage")
    stack.output("docker image rm bench-one-stage >/dev/null")
    return found


def layers(stack: Stack, image: str, base: str, rows: Rows, title: str) -> None:
    """Add a row for each layer that an image has over its base."""
    shown = "docker history --no-trunc --human=false --format '{{.Size}}\t{{.CreatedBy}}'"
    below = len(stack.output(f"{shown} {base}").splitlines())
    found = [line.split("\t", 1) for line in stack.output(f"{shown} {image}").splitlines()]
    for octets, by in reversed(found[: len(found) - below]):
        if int(octets):
            command = by.removeprefix("RUN /bin/sh -c ").partition(" # buildkit")[0]
            rows.add(f"{title}: {command[:60]}", int(octets) / MEGABYTE, "MB")


def measure(stack: Stack, rows: Rows, *, releases: int) -> list[str]:
    """Weigh both images."""
    base = base_of(stack, "infra/docker/fastapi.prod")
    final = size(stack, "app-backend:current")
    rows.add("backend", final, "MB", beside="base", other=size(stack, base), goal=Goal("Δ", 120))
    layers(stack, "app-backend:current", base, rows, "backend")
    rows.add("backend, over its base", final - size(stack, base), "MB", beside="builder stage",
             other=builder(stack, "backend") - size(stack, base))  # fmt: skip
    for stage, what, chart in (
        ("pip", "one stage with pip", ""),
        ("compiler", "one stage with pip and a compiler", "|"),
    ):
        rows.add("backend", final, "MB", beside=what, other=one_stage(stack, base, stage), goal=Goal("Δ", -300),
                 chart=chart and f"backend image | {what}")  # fmt: skip
    base = base_of(stack, "infra/docker/frontend-builder.prod")
    final, bare, made_in = size(stack, "app-nginx:current"), size(stack, base), builder(stack, "nginx")
    rows.add("frontend", final, "MB", beside="base", other=bare, goal=Goal("Δ", 2))
    layers(stack, "app-nginx:current", base, rows, "frontend")
    rows.add("frontend", final, "MB", beside="its builder", other=made_in, goal=Goal("x", 30, at_least=True),
             chart="frontend image | its builder")  # fmt: skip
    node = base_of_first(stack, "infra/docker/frontend-builder.prod")
    rows.add("frontend, over its base", final - bare, "MB", beside="builder over its base",
             other=made_in - size(stack, node), goal=Goal("x", 30, at_least=True))  # fmt: skip
    return [
        "The claim for the backend is about 300 MB less than in one stage. That holds beside one with a compiler, "
        "which none of the packages here needs: all of them come as wheels.",
        "Bases are those of the test ground, made of Debian packages: its nginx alone is several times Alpine's (about "
        "50 MB), and no frontend on it can be 30 times smaller than its builder. What is laid over the base can.",
    ]


def base_of_first(stack: Stack, dockerfile: str) -> str:
    """Return the image that the first stage of a Dockerfile begins with."""
    return stack.output(f"awk '/^FROM/ {{print $2; exit}}' {dockerfile}")
