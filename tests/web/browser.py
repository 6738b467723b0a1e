"""A real browser without a window, spoken to over two pipes in its own protocol; nothing is installed for it.

Invariant: whoever waits, waits for something the page itself tells; a wait that ends without it fails with what the page showed.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support import need_program

SECONDS_MAX = 20.0
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowUp": 38, "ArrowDown": 40}


class Browser:
    """The browser with one page open. A context: it is gone at its end."""

    def __init__(self, profile: Path, what: str, *, dark: bool = False) -> None:
        self.program = need_program("chromium", what)
        self.words = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
                      "--remote-debugging-pipe", f"--user-data-dir={profile}", "--window-size=1280,1000"]  # fmt: skip
        self.words += ["--blink-settings=preferredColorScheme=0"] if dark else []
        self._number, self._rest, self._session = 0, b"", ""
        self._loaded: set[str] = set()
        self.problems: list[str] = []
        """What the page's console tells of errors."""

    def __enter__(self) -> Browser:
        (read, theirs_out), (theirs_in, write) = os.pipe(), os.pipe()
        # The browser reads commands from 3 and answers at 4, which ours must not be.
        theirs_in, theirs_out = (_high(one) for one in (theirs_in, theirs_out))
        line = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", line, str(self.program), *self.words],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._read, self._write = read, write
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        self.ask("Page.setLifecycleEventsEnabled", enabled=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self._read)
        os.close(self._write)

    def ask(self, method: str, **more: Any) -> dict[str, Any]:
        """One command and its answer."""
        self._number += 1
        about = {"id": self._number, "method": method, "params": more}
        about |= {"sessionId": self._session} if self._session else {}
        os.write(self._write, json.dumps(about).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, (method, told)
                result: dict[str, Any] = told["result"]
                return result

    def _next(self) -> dict[str, Any]:
        """What the browser says next; errors of the page are kept."""
        deadline = time.monotonic() + SECONDS_MAX
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], deadline - time.monotonic())
            assert ready, "the browser says nothing"
            part = os.read(self._read, 1 << 20)
            assert part, "the browser ended"
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        about = told.get("params", {})
        if told.get("method") == "Page.lifecycleEvent" and about["name"] == "load":
            self._loaded.add(about["loaderId"])
        if told.get("method") == "Runtime.exceptionThrown":
            self.problems.append(str(about["exceptionDetails"]))
        if told.get("method") == "Log.entryAdded" and about["entry"]["source"] in ("security", "javascript"):
            self.problems.append(str(about["entry"]["text"]))
        return told

    def open(self, address: str) -> None:
        """Goes there."""
        loader = self.ask("Page.navigate", url=address)["loaderId"]
        while loader not in self._loaded:
            self._next()

    def value(self, expression: str) -> Any:
        """What an expression is in the page; a promise is awaited."""
        told = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, (expression, told)
        return told["result"].get("value")

    def until(self, expression: str) -> Any:
        """Waits until an expression is true in the page, looked at whenever the page has changed; gives its value."""
        wait = """new Promise(done => {
          const look = () => { try { return (EXPRESSION); } catch (error) { return null; } };
          const first = look();
          if (first) return done(first);
          const end = value => { watch.disconnect(); clearInterval(again); clearTimeout(late); done(value); };
          const seen = () => { const found = look(); if (found) end(found); };
          const watch = new MutationObserver(seen), again = setInterval(seen, 100), late = setTimeout(() => end(null), MAX);
          watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
        })""".replace("EXPRESSION", expression).replace("MAX", str(int(SECONDS_MAX * 500)))
        found = self.value(wait)
        assert found, (
            f"{expression} did not come; the page shows:\n{self.value('document.body.innerText')}\n{self.problems}"
        )
        return found

    def press(self, key: str, times: int = 1, *, shift: bool = False) -> None:
        """Presses a key."""
        about: dict[str, Any] = {
            "key": key,
            "code": key,
            "windowsVirtualKeyCode": KEYS[key],
            "modifiers": 8 if shift else 0,
        }
        text = {"text": "\r"} if key == "Enter" else {}
        for _ in range(times):
            self.ask("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **about, **text)
            self.ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def write(self, text: str) -> None:
        """Writes where the focus is."""
        self.ask("Input.insertText", text=text)

    def tab_to(self, expression: str, most: int = 40) -> None:
        """Presses Tab until the focus is on what an expression of `at`, the element with the focus, says."""
        for _ in range(most):
            if self.value(f"(at => Boolean({expression}))(document.activeElement)"):
                return
            self.press("Tab")
        raise AssertionError(f"no Tab leads to {expression}")


def _high(descriptor: int) -> int:
    """The same under a number that no program gives a meaning."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 64)
    os.close(descriptor)
    return moved
