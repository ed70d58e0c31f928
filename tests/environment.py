"""A home of its own for the tests of this process, set before Django reads its settings.

Loaded as a pytest plugin (`-p tests.environment`), which comes before pytest-django's.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

# What tests share asserts too: a failure says what was compared only where pytest has rewritten it.
pytest.register_assert_rewrite("tests.api", "tests.faults.driver")

HOME = Path(tempfile.mkdtemp(prefix="imageapi-tests-"))
HOME.chmod(0o711)  # the embedded PostgreSQL runs as another user where the tests run as root
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

# What the test processes of one run share: the first of them makes the folder, the others inherit its name.
if "IMAGEAPI_TESTS_SHARED" not in os.environ:
    os.environ["IMAGEAPI_TESTS_SHARED"] = tempfile.mkdtemp(prefix="imageapi-tests-shared-")
    atexit.register(shutil.rmtree, os.environ["IMAGEAPI_TESTS_SHARED"], ignore_errors=True)
SHARED = Path(os.environ["IMAGEAPI_TESTS_SHARED"])
SHARED.chmod(0o711)

for name in ("DATABASE_URL", "REDIS_URL", "CHANNELS_REDIS_URL", "IMAGEAPI_ANONYMOUS_PLAN", "ALLOWED_HOSTS"):
    os.environ.pop(name, None)
os.environ["IMAGEAPI_HOME"] = str(HOME)
os.environ["IMAGEAPI_ANONYMOUS_PLAN"] = "Enterprise"
