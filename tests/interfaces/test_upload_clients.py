"""Uploads by the clients people have, each as its documentation shows it (`make interfaces`)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests

from tests.api import Api
from tests.drawing import photo
from tests.interfaces.npm import installed
from tests.stack import Stack

pytestmark = pytest.mark.slow

NODE_STREAM = """
const {createReadStream} = require('fs');
const {Readable} = require('stream');
const [url, token, path] = process.argv.slice(2);
const body = Readable.toWeb(createReadStream(path, {highWaterMark: 1000}));
const headers = {'Content-Type': 'image/jpeg', 'Authorization': `Bearer ${token}`};
fetch(`${url}/api/upload?name=node.jpg`, {method: 'POST', body, headers, duplex: 'half'})
  .then(async answer => console.log(JSON.stringify({status: answer.status, body: await answer.json()})));
"""
NODE_FORM = """
const {readFileSync} = require('fs');
const [url, token, path] = process.argv.slice(2);
const form = new FormData();
for (const name of ['a.jpg', 'b.jpg']) form.append('images', new Blob([readFileSync(path)]), name);
fetch(`${url}/api/async/upload`, {method: 'POST', body: form, headers: {'Authorization': `Bearer ${token}`}})
  .then(async answer => console.log(JSON.stringify({status: answer.status, body: await answer.json()})));
"""
AXIOS = """
const axios = require('axios');
const FormData = require('form-data');
const {createReadStream} = require('fs');
const {PassThrough} = require('stream');
const [url, token, path] = process.argv.slice(2);
const headers = {'Authorization': `Bearer ${token}`};
(async () => {
  const form = new FormData();  // of a stream whose length nobody knows: axios sends it in chunks
  form.append('images[]', createReadStream(path).pipe(new PassThrough()), {filename: 'a.jpg'});
  form.append('images[]', createReadStream(path).pipe(new PassThrough()), {filename: 'b.jpg'});
  const answer = await axios.post(`${url}/api/async/upload`, form,
    {headers: {...headers, ...form.getHeaders()}, maxRedirects: 0});
  console.log(JSON.stringify({status: answer.status, body: answer.data}));
})();
"""
PHP = """<?php
[, $url, $token, $path] = $argv;
$curl = curl_init("$url/api/async/upload");
$fields = ['images[0]' => new CURLFile($path, 'image/jpeg', 'a.jpg'),
           'images[1]' => new CURLFile($path, 'image/jpeg', 'b.jpg')];
curl_setopt_array($curl, [CURLOPT_POSTFIELDS => $fields, CURLOPT_RETURNTRANSFER => true,
    CURLOPT_HTTPHEADER => ["Authorization: Bearer $token"]]);
$body = json_decode(curl_exec($curl));
echo json_encode(['status' => curl_getinfo($curl, CURLINFO_RESPONSE_CODE), 'body' => $body]);
"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo(os.getpid() % 1000 + 20_000, 400, 300))
    return path


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in command], check=False, capture_output=True, text=True, timeout=180, cwd=cwd
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def node(folder: Path, script: str, *arguments: str | Path) -> dict[str, Any]:
    (folder / "client.cjs").write_text(script)
    answer: dict[str, Any] = json.loads(run(program("node"), folder / "client.cjs", *arguments, cwd=folder))
    return answer


def named(answer: dict[str, Any]) -> list[str]:
    assert answer["status"] == 202, answer
    return [taken["name"] for taken in answer["body"]["accepted"]]


def test_fetch_of_node_with_a_stream(stack: Stack, picture: Path) -> None:
    answer = node(picture.parent, NODE_STREAM, stack.url, stack.token, picture)
    assert answer["status"] == 200, answer
    assert answer["body"]["image"]["name"] == "node.jpg"


def test_fetch_of_node_with_form_data(stack: Stack, picture: Path) -> None:
    assert named(node(picture.parent, NODE_FORM, stack.url, stack.token, picture)) == ["a.jpg", "b.jpg"]


def test_axios_without_a_length(stack: Stack, picture: Path) -> None:
    installed(picture.parent, "axios", "form-data")
    assert named(node(picture.parent, AXIOS, stack.url, stack.token, picture)) == ["a.jpg", "b.jpg"]


def test_curl_of_php_with_an_array(stack: Stack, picture: Path) -> None:
    script = picture.with_name("client.php")
    script.write_text(PHP)
    answer = json.loads(run(program("php"), script, stack.url, stack.token, picture))
    assert named(answer) == ["a.jpg", "b.jpg"]


def test_httpie_in_chunks(stack: Stack, picture: Path) -> None:
    arguments = ("--ignore-stdin", "--chunked", "--form", "--body", "--check-status")
    bearer = f"Authorization:Bearer {stack.token}"
    url = f"{stack.url}/api/async/upload"
    answer = json.loads(run(program("http"), *arguments, "POST", url, bearer, f"images@{picture}"))
    assert [taken["name"] for taken in answer["accepted"]] == ["photo.jpg"]


@pytest.mark.parametrize(
    "command",
    [
        'curl -sS -H "$AUTH" -F "image=@-;filename=pipe.jpg" "$URL/api/upload" < <(cat "$FILE")',
        'curl -sS -H "$AUTH" -F image=@<(cat "$FILE") "$URL/api/upload"',
        'curl -sS -H "$AUTH" -T "$FILE" "$URL/api/upload?name=put.jpg"',
        'curl -sS -H "$AUTH" -T "$FILE" "$URL/api/upload/"',
        'cat "$FILE" | curl -sS -H "$AUTH" -H "Content-Type: image/jpeg" -T - "$URL/api/upload"',
        'curl -sS -H "$AUTH" -H "Content-Type: image/jpeg" --data-binary @"$FILE" "$URL/api/upload"',
    ],
)
def test_curl_from_a_pipe_a_form_and_by_put(stack: Stack, picture: Path, command: str) -> None:
    environment = {
        **os.environ,
        "AUTH": f"Authorization: Bearer {stack.token}",
        "URL": stack.url,
        "FILE": str(picture),
    }
    done = subprocess.run(
        [program("bash"), "-c", command],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert json.loads(done.stdout)["message"] == "Image uploaded successfully", done.stdout + done.stderr


def test_requests_with_a_generator_and_with_files(stack: Stack, picture: Path) -> None:
    headers = {"Authorization": f"Bearer {stack.token}"}
    data = picture.read_bytes()
    pieces = (data[start : start + 999] for start in range(0, len(data), 999))
    streamed = requests.post(
        f"{stack.url}/api/upload", data=pieces, headers={**headers, "Content-Type": "image/jpeg"}, timeout=60
    )
    assert streamed.status_code == 200, streamed.text
    files = [("images[]", (name, data)) for name in ("a.jpg", "b.jpg")]
    form = requests.post(f"{stack.url}/api/async/upload", files=files, headers=headers, timeout=60)
    assert named({"status": form.status_code, "body": form.json()}) == ["a.jpg", "b.jpg"]


async def test_a_thousand_uploads_at_once_of_aiohttp(stack: Stack, api: Api) -> None:
    pictures = [photo(30_000 + n, 40, 30) for n in range(20)]

    async def send(session: aiohttp.ClientSession, number: int) -> int:
        form = aiohttp.FormData()
        content = pictures[number % len(pictures)] + number.to_bytes(4, "big")
        form.add_field("images", content, filename=f"{number}.jpg", content_type="image/jpeg")
        async with session.post(f"{stack.url}/api/async/upload", data=form) as answer:
            await answer.read()
            return answer.status

    headers = {"Authorization": f"Bearer {stack.token}"}
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(headers=headers, connector=connector, timeout=timeout) as session:
        statuses = await asyncio.gather(*(send(session, number) for number in range(1000)))
    # The plan's limit is by the minute: beyond it a request is told when to come again.
    assert set(statuses) <= {202, 429}, {status: statuses.count(status) for status in set(statuses)}
    print({status: statuses.count(status) for status in set(statuses)})
    assert api.client.get("/healthz/live").status_code == 200
