"""The OpenAPI document before linters and generators that people use, unchanged from their registries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.drawing import photo
from tests.interfaces.npm import installed
from tests.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TOOLS = (
    "@redocly/cli@2.77.0",
    "@stoplight/spectral-cli@6.16.3",
    "openapi-typescript@7.13.0",
    "typescript@5.9.3",
)
GENERATOR = "openapi-python-client==0.29.1"
CLIENT = """
import sys
from io import BytesIO
from pathlib import Path

from imageapi_client import AuthenticatedClient
from imageapi_client.api.jobs import get_jobs_job_id
from imageapi_client.api.upload import post_async_upload
from imageapi_client.models import PostAsyncUploadBody
from imageapi_client.types import File

url, token, path = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token)
file = File(payload=BytesIO(Path(path).read_bytes()), file_name="photo.jpg", mime_type="image/jpeg")
answer = post_async_upload.sync_detailed(client=client, body=PostAsyncUploadBody(images=[file]))
assert answer.status_code == 202, answer
job = get_jobs_job_id.sync(client=client, job_id=answer.parsed.job_id)
print(answer.status_code, answer.parsed.accepted[0].name, job.total)
"""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("npm"), *TOOLS)


@pytest.fixture(scope="module")
def document(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the running service gives it."""
    path = tmp_path_factory.mktemp("described") / "openapi.json"
    subprocess.run(["curl", "-sSf", "-o", str(path), f"{stack.url}/api/schema/?format=json"], check=True)
    return path


def said(folder: Path, *command: str) -> str:
    environment = {**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    program = str(folder / "node_modules" / ".bin" / command[0])
    done = subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_redocly_finds_nothing(tools: Path, document: Path) -> None:
    found: dict[str, Any] = json.loads(said(tools, "redocly", "lint", str(document), "--format=json"))
    assert found["problems"] == []


def test_spectral_finds_nothing(tools: Path, document: Path) -> None:
    (tools / "ruleset.yaml").write_text('extends: ["spectral:oas"]\nrules: {info-contact: off}\n')
    command = ("spectral", "lint", str(document), "--ruleset", "ruleset.yaml", "--format", "json")
    # Below warnings there is advice.
    problems = said(tools, *command, "--fail-severity", "warn", "--display-only-failures")
    assert problems.startswith("[]"), problems


def test_typescript_takes_the_types_made_of_it(tools: Path, document: Path) -> None:
    said(tools, "openapi-typescript", str(document), "--output", "api.d.ts")
    (tools / "use.ts").write_text(
        'import type { paths, components } from "./api";\n'
        'type Post = paths["/api/async/upload"]["post"];\n'
        'type Upload = Post["responses"]["202"]["content"]["application/json"];\n'
        "export const first = (answer: Upload): string | undefined => answer.accepted[0]?.name;\n"
        'export const hue = (image: components["schemas"]["Image"]): number | null | undefined =>\n'
        "  image.colors[0]?.hue;\n"
    )
    said(tools, "tsc", "--strict", "--noUncheckedIndexedAccess", "--noEmit", "use.ts")


def test_a_python_client_made_of_it_uploads_a_file(stack: Stack, document: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    bin = tmp_path / "venv" / "bin"
    command = [str(bin / "pip"), "install", "--quiet", "--disable-pip-version-check", GENERATOR]
    subprocess.run(command, check=True, timeout=300)
    environment = {**os.environ, "PATH": f"{bin}:{os.environ['PATH']}"}
    command = [str(bin / "openapi-python-client"), "generate", "--path", str(document)]
    subprocess.run([*command, "--output-path", str(tmp_path / "client")], env=environment, check=True)
    (tmp_path / "photo.jpg").write_bytes(photo(40_000, 320, 240))
    (tmp_path / "client" / "use.py").write_text(CLIENT)
    done = subprocess.run(
        [str(bin / "python"), "use.py", stack.url, stack.token, str(tmp_path / "photo.jpg")],
        cwd=tmp_path / "client",
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["202", "photo.jpg", "1"], done.stderr
