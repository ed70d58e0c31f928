"""docs/asyncapi.yaml before the parser of those who wrote the standard (npm `@asyncapi/parser`)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.stack import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
# Severities: 0 errors, 1 warnings; 2 and 3 are advice, such as that of a newer version of the standard.
CHECK = """
const { Parser } = require("@asyncapi/parser");
new Parser().validate(require("fs").readFileSync(0, "utf8")).then((found) =>
  console.log(JSON.stringify(found.filter((each) => each.severity < 2).map((each) => each.message))));
"""


@pytest.mark.skipif(not shutil.which("npm"), reason="needs node and npm")
def test_the_standards_own_parser_finds_nothing_wrong(tmp_path: Path) -> None:
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "@asyncapi/parser@3.6.6"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=200)
    done = subprocess.run(
        ["node", "-e", CHECK],
        cwd=tmp_path,
        input=(ROOT / "docs" / "asyncapi.yaml").read_text(),
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    assert json.loads(done.stdout) == []
