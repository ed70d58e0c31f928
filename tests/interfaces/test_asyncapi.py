"""docs/asyncapi.yaml before the parser of those who wrote the standard (npm `@asyncapi/parser`)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.interfaces.npm import installed
from tests.stack import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]
# Severities: 0 errors, 1 warnings; 2 and 3 are advice, such as that of a newer version of the standard.
CHECK = """
const { Parser } = require("@asyncapi/parser");
new Parser().validate(require("fs").readFileSync(0, "utf8")).then((found) =>
  console.log(JSON.stringify(found.filter((each) => each.severity < 2).map((each) => each.message))));
"""


def test_the_standards_own_parser_finds_nothing_wrong(tmp_path: Path) -> None:
    installed(tmp_path, "@asyncapi/parser@3.6.6")
    done = subprocess.run(
        ["node", "-e", CHECK],
        cwd=tmp_path,
        input=(ROOT / "docs" / "asyncapi.yaml").read_text(),
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    assert json.loads(done.stdout) == []
