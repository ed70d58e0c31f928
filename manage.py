#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.core.management import execute_from_command_line

from imageapi import __version__
from imageapi.env import BadSetting


def main() -> None:
    """Runs the command that argv names; a bad setting is one line on stderr, exit code 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageapi.settings")
    if sys.argv[1:] in (["version"], ["--version"]):  # Django would answer with its own
        sys.stdout.write(f"{__version__}\n")
        return
    try:
        execute_from_command_line(sys.argv)
    except BadSetting as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
