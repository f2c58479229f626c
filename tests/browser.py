"""Pages opened in a real browser: headless Chromium, spoken to by its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Message = dict[str, Any]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def executable() -> str:
    """Returns the path of a Chromium; empty where there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), "")


@dataclasses.dataclass
class Opened:
    """A page in a window of some width.

    Attributes:
      requests: What was asked for.
      complaints: What the console says and which scripts failed.
    """

    requests: list[str]
    complaints: list[str]
    _browser: Browser

    def evaluate(self, expression: str) -> Any:
        """Returns the value of an expression of JavaScript."""
        found = self._browser.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Writes the whole page as PNG."""
        size = self._browser.call("Page.getLayoutMetrics")["cssContentSize"]
        found = self._browser.call(
            "Page.captureScreenshot",
            captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1},
        )
        path.write_bytes(base64.b64decode(found["data"]))


class Browser:
    """A running Chromium that resolves no name.

    Args:
      process: It, with the ends of its pipes.
      to: Where it reads.
      told: Where it writes.
    """

    def __init__(self, to: int, told: int) -> None:
        self._to, self._told = os.fdopen(to, "wb"), os.fdopen(told, "rb")
        self._numbers, self._session = itertools.count(1), ""
        self._events: list[Message] = []
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Message:
        """Returns the answer to a command."""
        number = next(self._numbers)
        message: Message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while True:
            found = self._next()
            if found.get("id") == number:
                assert "error" not in found, found
                result: Message = found["result"]
                return result
            self._events.append(found)

    def _next(self) -> Message:
        text = bytearray()
        while (byte := self._told.read(1)) != b"\0":
            assert byte, "the browser has ended"
            text += byte
        found: Message = json.loads(text)
        return found

    def open(self, path: Path, *, width: int, dark: bool = False) -> Opened:
        """Opens a page and waits until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=844,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self._events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._events.append(self._next())
        self.call("Runtime.evaluate", expression="0")  # what was said before has now come
        return Opened(list(self._asked()), list(self._said()), self)

    def _asked(self) -> Iterator[str]:
        for event in self._events:
            if event.get("method") == "Network.requestWillBeSent":
                yield event["params"]["request"]["url"]

    def _said(self) -> Iterator[str]:
        for event in self._events:
            kind, parameters = event.get("method"), event.get("params")
            if kind in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                yield json.dumps(parameters)

    def close(self) -> None:
        """Closes both pipes."""
        self._to.close()
        self._told.close()


@contextlib.contextmanager
def start(folder: Path) -> Iterator[Browser]:
    """Runs a Chromium whose profile is in a folder."""
    (theirs, to), (told, mine) = os.pipe(), os.pipe()
    command = [
        "bash", "-c", f'exec "$0" "$@" 3<&{theirs} 4>&{mine}', executable(), "--headless=new",
        "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}",
    ]  # fmt: skip
    process = subprocess.Popen(command, pass_fds=(theirs, mine), stderr=subprocess.DEVNULL)
    os.close(theirs)
    os.close(mine)
    try:
        browser = Browser(to, told)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        process.terminate()
        process.wait(timeout=30)
