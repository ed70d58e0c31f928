"""Fetches by name in a network of its own: run by test_fetching.py under `unshare`.

The network has a resolver on 127.0.0.1:53, a public host (93.184.216.34) and an inner one (127.0.0.1), both
on port 80. What each fetch must give stands beside it.
"""

from __future__ import annotations

import io
import ipaddress
import os
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import django

PUBLIC = "93.184.216.34"
# Answers in turn; the last one stays.
NAMES: dict[str, list[list[str]]] = {
    "public.test": [[PUBLIC]],
    "private.test": [["127.0.0.1"]],
    "net10.test": [["10.1.2.3"]],
    "metadata.test": [["169.254.169.254"]],
    "mixed.test": [[PUBLIC, "127.0.0.1"]],
    "rebind.test": [[PUBLIC], ["127.0.0.1"]],
    "rebind-back.test": [["127.0.0.1"], [PUBLIC]],
    "rebind-hop.test": [[PUBLIC], ["127.0.0.1"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "nat64.test": [["64:ff9b::7f00:1"]],
    "sixtofour.test": [["2002:7f00:1::"]],
    "unique.test": [["fd00::1"]],
    "both.test": [[PUBLIC, "::1"]],
}
OK, BLOCKED, FAILED = "ok", "blocked_address", "fetch_failed"
WANTED = [
    ("http://public.test/", OK),
    ("http://private.test/", BLOCKED),
    ("http://net10.test/", BLOCKED),
    ("http://metadata.test/latest/", BLOCKED),
    ("http://mixed.test/", BLOCKED),
    ("http://rebind.test/", OK),
    ("http://rebind.test/", BLOCKED),
    ("http://rebind-back.test/", BLOCKED),
    ("http://mapped.test/", BLOCKED),
    ("http://nat64.test/", BLOCKED),
    ("http://sixtofour.test/", BLOCKED),
    ("http://unique.test/", BLOCKED),
    ("http://both.test/", BLOCKED),
    ("http://unknown.test/", FAILED),
    ("http://public.test/to?http://127.0.0.1/", BLOCKED),
    ("http://public.test/to?http://2130706433/", BLOCKED),
    ("http://public.test/to?http://[::ffff:127.0.0.1]/", BLOCKED),
    ("http://public.test/to?http://private.test/", BLOCKED),
    ("http://public.test/to?http://public.test/to?http://private.test/", BLOCKED),
    ("http://public.test/to?//private.test/", BLOCKED),
    ("http://rebind-hop.test/to?http://rebind-hop.test/", BLOCKED),
    ("http://public.test/to?http://public.test/", OK),
]

asked: Counter[str] = Counter()
public_heads: list[bytes] = []
inner_hits: list[bytes] = []


def resolver(server: socket.socket) -> None:
    while True:
        query, client = server.recvfrom(512)
        server.sendto(answer(query), client)


def answer(query: bytes) -> bytes:
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += query[at] + 1
    name, kind = ".".join(labels).lower(), struct.unpack(">H", query[at + 1 : at + 3])[0]
    question = query[12 : at + 5]
    if name not in NAMES:
        return query[:2] + b"\x81\x83" + b"\0\1\0\0\0\0\0\0" + question
    turns = NAMES[name]
    found = [ipaddress.ip_address(a) for a in turns[min(asked[name, kind], len(turns) - 1)]]
    asked[name, kind] += 1
    records = [a for a in found if a.version == (4 if kind == 1 else 6)] if kind in (1, 28) else []
    body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(a.packed)) + a.packed for a in records)
    return query[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, len(records), 0, 0) + question + body


def http_server(host: str, heads: list[bytes], body: bytes) -> None:
    def serve(listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                head = connection.recv(65_536)
                heads.append(head)
                target = head.split()[1].partition(b"?")[2] if head else b""
                if target:
                    connection.sendall(
                        b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n"
                    )
                else:
                    size = str(len(body)).encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: " + size + b"\r\n\r\n" + body)

    listener = socket.create_server((host, 80))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()


def make_world(resolv: Path) -> None:
    for command in ("ip link set lo up", f"ip addr add {PUBLIC}/32 dev lo"):
        subprocess.run(command.split(), check=True)
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", str(resolv), "/etc/resolv.conf"], check=True)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    threading.Thread(target=resolver, args=(server,), daemon=True).start()
    http_server(PUBLIC, public_heads, b"public")
    http_server("127.0.0.1", inner_hits, b"inner secret")


def main() -> int:
    make_world(Path(sys.argv[1]))
    os.environ["DJANGO_SETTINGS_MODULE"] = "imageapi.settings"
    django.setup()
    from processing.remote import http as fetching
    from processing.remote.network import FetchFailed

    wrong = 0
    for url, wanted in WANTED:
        into = io.BytesIO()
        try:
            fetching.download(url, into, max_bytes=1000, seconds=10)
            got = OK if into.getvalue() == b"public" else f"got {into.getvalue()!r}"
        except FetchFailed as error:
            got = error.code
        print(f"{url}: {got}", "" if got == wanted else f"WRONG, wanted {wanted}")
        wrong += got != wanted
    if inner_hits:
        print("WRONG: the inner host was asked", inner_hits)
    if any(b"authorization" in head.lower() for head in public_heads):
        print("WRONG: a password of this machine was sent")
        wrong += 1
    if wrong or inner_hits:
        return 1
    print(f"all as wanted: {len(WANTED)} fetches")
    return 0


if __name__ == "__main__":
    sys.exit(main())
