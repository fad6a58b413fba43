"""How does a test drive a real browser? The DevTools protocol over two pipes, with nothing but the standard library."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--mute-audio",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]


def find() -> str | None:
    """The browser's path: STROP_BROWSER, or a chromium on the path."""
    names = [os.environ.get("STROP_BROWSER", ""), "chromium", "chromium-browser", "google-chrome"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


class Browser:
    """One browser with one tab; `events` holds everything it said unasked."""

    def __init__(self, program: str) -> None:
        self.profile = tempfile.mkdtemp(prefix="strop-browser-")
        pairs = [os.pipe(), os.pipe()]
        # Above 4, so that putting them on descriptors 3 and 4 of the child overwrites none of them.
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (pairs[0][0], pairs[1][1])]
        self.inlet = fcntl.fcntl(pairs[0][1], fcntl.F_DUPFD_CLOEXEC, 10)
        self.outlet = fcntl.fcntl(pairs[1][0], fcntl.F_DUPFD_CLOEXEC, 10)
        for fd in (*pairs[0], *pairs[1]):
            os.close(fd)

        def wire() -> None:
            os.dup2(theirs[0], 3)
            os.dup2(theirs[1], 4)

        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"],
            preexec_fn=wire,
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for fd in theirs:
            os.close(fd)
        self.events: list[dict] = []
        self.rest, self.count, self.session = b"", 0, ""
        tab = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **values) -> dict:
        """Sends a command and waits for its answer, keeping the events that come between."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": values}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.inlet, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next(60)
            if answer.get("id") == self.count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def next(self, seconds: float) -> dict:
        """The next message of the browser."""
        deadline = time.monotonic() + seconds
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.outlet], [], [], max(deadline - time.monotonic(), 0))
            part = os.read(self.outlet, 1 << 20) if ready else b""
            assert part, "the browser fell silent"
            self.rest += part
        one, _, self.rest = self.rest.partition(b"\0")
        return json.loads(one)

    def open(self, address: str, *, width: int, scheme: str, media: str = "") -> None:
        """Opens a page at that width, light or dark, and waits until it is loaded; earlier events are forgotten."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 700)
        self.ask(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        self.events.clear()
        self.ask("Page.navigate", url=address)
        while not any(one["method"] == "Page.loadEventFired" for one in self.events):
            self.events.append(self.next(60))

    def value(self, expression: str):
        """What a JavaScript expression is worth in the page (from outside: the page itself may run none)."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def named(self, *methods: str) -> list[dict]:
        """The events of these kinds."""
        return [one for one in self.events if one.get("method") in methods]

    def picture(self, path) -> None:
        """Saves the whole page as a PNG."""
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """Ends this browser, and this one only."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for fd in (self.inlet, self.outlet):
            os.close(fd)
        shutil.rmtree(self.profile, ignore_errors=True)
