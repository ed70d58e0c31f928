from __future__ import annotations

import subprocess
import sys

from tests.stack import ROOT


def test_any_asgi_server_can_import_the_application() -> None:
    """`manage.py serve` sets Django up before, `uvicorn imageapi.asgi:application` does not."""
    code = "from imageapi.asgi import application; print(sorted(application.application_mapping))"
    done = subprocess.run((sys.executable, "-c", code), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['http', 'websocket']", done.stderr
