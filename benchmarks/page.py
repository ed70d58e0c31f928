"""500 files dropped on the page in a real Chromium, under its performance trace.

Prints the longest task of the page's main thread, and what the page holds after the last image is done:
tiles, object URLs, the JavaScript heap.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, expect

from benchmarks.support.home import new_home
from tests.browser.launching import chromium, running_chromium
from tests.drawing import photo
from tests.stack import Stack

_COUNT_URLS = """
window.urls = new Set();
const { createObjectURL, revokeObjectURL } = URL;
URL.createObjectURL = (file) => { const url = createObjectURL.call(URL, file); urls.add(url); return url; };
URL.revokeObjectURL = (url) => { urls.delete(url); revokeObjectURL.call(URL, url); };
"""
# The files come into the page by its picker, then leave it again as one drop: the trace begins there.
_DROP = """() => {
    const transfer = new DataTransfer();
    for (const file of window.gathered) transfer.items.add(file);
    for (const type of ["dragenter", "dragover", "drop"]) {
        const event = new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
    }
}"""
_GATHER = """(box) => {
    window.gathered = [];
    box.type = "file";
    box.multiple = true;
    box.addEventListener("change", (event) => window.gathered.push(...box.files));
}"""


def measure(page: Page, folder: Path, count: int) -> None:
    files = []
    for index in range(count):
        path = folder / f"drawn-{index:04}.jpg"
        path.write_bytes(photo(index, 1200, 900))
        files.append(path)
    made = page.evaluate_handle("() => document.body.appendChild(document.createElement('input'))")
    box = made.as_element()
    assert box is not None
    box.evaluate(_GATHER)
    for start in range(0, count, 50):
        box.set_input_files(files[start : start + 50])
    box.evaluate("(box) => box.remove()")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    before = heap(devtools)
    events: list[dict[str, Any]] = []
    devtools.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    devtools.send(
        "Tracing.start", {"categories": "toplevel,devtools.timeline", "transferMode": "ReportEvents"}
    )
    page.evaluate(_DROP)
    page.get_by_role("button", name="Show files").click()
    expect(page.locator("#progress-count")).to_have_text(f"{count} images done", timeout=600_000)
    for _ in range(30):
        page.mouse.wheel(0, 1500)
        page.wait_for_timeout(100)
    complete = {"so far": False}
    devtools.on("Tracing.tracingComplete", lambda _: complete.update({"so far": True}))
    devtools.send("Tracing.end")
    while not complete["so far"]:
        page.wait_for_timeout(50)
    tasks = main_thread_tasks(events)
    print(f"{count} files of {sum(path.stat().st_size for path in files) / count / 1000:.0f} kB dropped")
    for label, field in (("by the clock", "dur"), ("by its CPU time", "tdur")):
        times = [task.get(field, 0) / 1000 for task in tasks]
        over = sum(time > 200 for time in times)
        print(f"  {len(times):,} tasks {label}: longest {max(times):.0f} ms, over 200 ms: {over}")
    print(f"  tiles {page.locator('.tile').count()}, lines {page.locator('.file').count()},", end=" ")
    print(f"object URLs {page.evaluate('urls.size')}, heap {before:.1f} -> {heap(devtools):.1f} MB")


def heap(devtools: CDPSession) -> float:
    devtools.send("HeapProfiler.collectGarbage")
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "JSHeapUsedSize") / 1e6


def main_thread_tasks(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each task on the main threads of pages, with its microseconds: `dur` on the clock, `tdur` of CPU."""
    names = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    return [
        event
        for event in events
        if event["name"] in ("RunTask", "ThreadControllerImpl::RunTask")
        and "dur" in event
        and (event["pid"], event["tid"]) in names
    ]


def run(files: int = 500) -> None:
    if chromium() is None:
        print("Left out: there is no Chromium on this machine.")
        return
    with Stack(new_home()) as stack, running_chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(_COUNT_URLS)
        page.goto(stack.url)
        page.get_by_text("Live", exact=True).wait_for()
        measure(page, stack.home.parent, files)


def main() -> None:
    parser = argparse.ArgumentParser(description="Drop many files on the page.")
    parser.add_argument("--files", type=int, default=500)
    run(parser.parse_args().files)


if __name__ == "__main__":
    main()
