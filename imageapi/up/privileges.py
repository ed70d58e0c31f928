"""The account of a server that refuses to run as root.

PostgreSQL does. The folders it needs may lie below a private one (a checkout in /root, a test's 0700 folder).
We do not open those to everybody: the server keeps one capability instead, with which it passes through them,
and only where they are closed. No file mode outside IMAGEAPI_HOME changes.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import time
from pathlib import Path

from imageapi.up.subprocesses import Account

USER = "pgserver"
# capabilities(7); containers often grant the second alone.
CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, CAP_SETPCAP = 2, 1, 8


class NoAccount(Exception):
    """Root cannot hand the server to another user here; the text says what helps."""


def account_for(data: Path, programs: Path) -> Account | None:
    """Who the server of the folder `data` runs as: None is the current user, who is not root.

    Existing data decides, new data goes to the system user `pgserver`, made when it is missing.
    """
    if os.geteuid() != 0:
        return None
    owner = data.stat() if data.exists() else None
    if owner and owner.st_uid != 0:
        uid, gid = owner.st_uid, owner.st_gid
    else:
        entry = _system_user()
        uid, gid = entry.pw_uid, entry.pw_gid
    return Account(uid=uid, gid=gid, capability=_capability_to_reach(data, programs))


def _system_user() -> pwd.struct_passwd:
    said = ""
    for _ in range(20):
        try:
            return pwd.getpwnam(USER)
        except KeyError:
            said = _add_user()
        # Another start may hold the lock of the password file.
        time.sleep(0.1)
    raise NoAccount(
        f"PostgreSQL does not run as root, and the system user {USER} could not be made: {said}. "
        f"Make it, start as an ordinary user, or set DATABASE_URL."
    )


def _add_user() -> str:
    command = ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER)
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()
    except OSError as error:
        return str(error)


def _capability_to_reach(*folders: Path) -> int | None:
    closed = next((parent for folder in folders for parent in folder.parents if not _open(parent)), None)
    if closed is None:
        return None
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if _held() >> capability & _held() >> CAP_SETPCAP & 1:
            return capability
    raise NoAccount(
        f"PostgreSQL does not run as root, and the user {USER} may not enter {closed}. "
        f"Move the checkout and IMAGEAPI_HOME to a folder all may enter, or set DATABASE_URL."
    )


def _open(folder: Path) -> bool:
    """Whether everybody may pass through; a folder to be made yet will be."""
    return not folder.exists() or bool(folder.stat().st_mode & stat.S_IXOTH)


def _held() -> int:
    """The capabilities of this process, one a bit; none on systems without them."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff")), 0)
