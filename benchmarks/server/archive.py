"""An archive of 10 GB: the web server's memory while it is streamed, and what unpacks it.

The images are rows that share the files of a few: what is read, summed and sent is the same.
"""

from __future__ import annotations

import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx

from benchmarks.support.client import connect, distinct, finish, photos, upload
from benchmarks.support.home import new_home
from benchmarks.support.resident import Watch
from benchmarks.support.table import show
from tests.faults.driver import web
from tests.feed.conftest import manage
from tests.stack import Stack

ORIGINALS, ORIGINAL_MB, COPIES = 5, 20, 100
# Checksums of copies would be those of their originals: an account has each once.
_COPY = """
from processing.models import Image, Job
job = Job.objects.get(id="{job}")
rows = list(job.images.all())
total = {copies} * len(rows)
Job.objects.filter(id=job.id).update(total=total, completed=total)
for copy in range(1, {copies}):
    for row in rows:
        row.pk = Image._meta.pk.get_default()
        row.index += len(rows)
        row.checksum = f"{{row.index:064x}}"
        row._state.adding = True
    Image.objects.bulk_create(rows)
print(job.images.count())
"""
READERS: dict[str, Callable[[Path], list[str]]] = {
    "unzip -t": lambda path: ["unzip", "-tqq", str(path)],
    "7z t": lambda path: ["7z", "t", "-bso0", "-bsp0", str(path)],
}


def run() -> None:
    home = new_home()
    with Stack(home, {"IMAGEAPI_WORKERS": "1", "LOG_LEVEL": "WARNING"}) as stack, connect(stack) as client:
        job = _large_job(stack, client)
        count = int(manage(home, "shell", "--no-imports", "-c", _COPY.format(job=job, copies=COPIES)))
        file = home.parent / "archive.zip"
        with Watch(lambda: [web(stack)]) as server:
            before = server.largest
            seconds = _download(client, f"/api/jobs/{job}/archive?renditions=original", file)
        plain = _download(client, _first_original(client, job), home.parent / "one")
    size = file.stat().st_size
    one = (home.parent / "one").stat().st_size
    show(
        ["archive", "web before, MB", "web peak, MB", "s/GB", "s/GB of one original alone"],
        [
            [
                f"{count} files, {size / 1e9:.1f} GB",
                *(f"{before:.0f}", f"{server.largest:.0f}"),
                *(f"{seconds / size * 1e9:.2f}", f"{plain / one * 1e9:.2f}"),
            ]
        ],
    )
    show(["opened by", "files", "bad"], [*map(_read_by, READERS, [file] * len(READERS)), _python(file)])


def _large_job(stack: Stack, client: httpx.Client) -> str:
    padding = bytes(ORIGINAL_MB * 1_000_000)
    files = [data + padding for data in distinct(photos(1, 800, 1200), ORIGINALS, "archive")]
    job = upload(client, "/api/async/batch/upload", files)
    finish(stack, job)
    return job


def _first_original(client: httpx.Client, job: str) -> str:
    return f"/api/images/{client.get(f'/api/jobs/{job}/images').json()['results'][0]['id']}/original"


def _download(client: httpx.Client, path: str, file: Path) -> float:
    began = time.perf_counter()
    with client.stream("GET", path) as answer, file.open("wb") as out:
        answer.raise_for_status()
        for piece in answer.iter_raw():
            out.write(piece)
    return time.perf_counter() - began


def _read_by(name: str, file: Path) -> list[str]:
    try:
        done = subprocess.run(READERS[name](file), check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return [name, "not installed", ""]
    return [name, "all", "none" if done.returncode == 0 else done.stderr[-200:]]


def _python(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as opened:
        return ["Python's zipfile", str(len(opened.namelist())), opened.testzip() or "none"]
