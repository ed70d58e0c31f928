"""The folders of one IMAGEAPI_HOME that its servers share."""

from __future__ import annotations

import hashlib
import os
import stat
import string
from contextlib import suppress
from pathlib import Path

from imageapi.up.subprocesses import Account

# The kernel's limit is 107 bytes on Linux, 103 on macOS (unix(7)).
SOCKET_PATH_BYTES = 100
_PLAIN = frozenset(string.ascii_letters + string.digits + "/._-")


class UnsafeFolder(Exception):
    """Somebody else could put files where our sockets are to be."""


def socket_dir(home: Path) -> Path:
    """The folder of the sockets: HOME/run, or a private one in /tmp when sockets cannot live there.

    That is when their path would be too long, or holds a character which some client's URL parser misreads.
    """
    run = home.resolve() / "run"
    longest = os.fsencode(run / "pg" / ".s.PGSQL.5432")
    if len(longest) <= SOCKET_PATH_BYTES and set(str(run)) <= _PLAIN:
        return run
    # Never tempfile.gettempdir(): our children have another TMPDIR and must find the same folder.
    return Path("/tmp") / f"imageapi-{hashlib.sha256(os.fsencode(run)).hexdigest()[:16]}"  # noqa: S108


def make_folders(home: Path) -> None:
    """Makes the home with what the servers share; under root 0711, since PostgreSQL must pass through.

    An older home is closed, too: what was made under another umask, or by an earlier version.
    """
    mode = 0o711 if os.geteuid() == 0 else 0o700
    home.mkdir(parents=True, exist_ok=True)
    sockets = socket_dir(home)
    for folder in (home, home / "run"):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
    for folder in (home / "logs", home / "media"):
        make_private(folder, None)
    for log in (home / "logs").iterdir():
        log.chmod(0o600)
    sockets.mkdir(mode=mode, exist_ok=True)
    found = sockets.lstat()
    # Everybody can write to /tmp: somebody else may have made that folder first.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise UnsafeFolder(f"{sockets} must be a folder that belongs to you and that only you can write to")
    sockets.chmod(mode)


def make_private(folder: Path, account: Account | None) -> None:
    """Makes a folder that only the account may enter."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)


def remove_sockets(home: Path) -> None:
    """Removes the folder of the sockets in /tmp once no server of this home uses it."""
    sockets = socket_dir(home)
    if sockets.parent == home.resolve():
        return
    for folder in (sockets / "pg", sockets):
        with suppress(OSError):
            folder.rmdir()
