"""A headless Chromium, spoken to over its pipe, for tests of the pages: what people see and press.

Standard library only; `Browser.found()` tells whether there is one.
"""

import json
import os
import select
import shutil
import subprocess
import time


class Browser:
    @staticmethod
    def found():
        return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

    def __init__(self, folder, *arguments):
        to_read, self.write_end = os.pipe()
        self.read_end, to_write = os.pipe()

        def fixed_ends():  # Chromium reads from 3 and writes to 4
            reads, writes = os.dup(to_read), os.dup(to_write)
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self.process = subprocess.Popen(
            [self.found(), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
             f"--user-data-dir={folder}/profile", *arguments, "about:blank"],
            preexec_fn=fixed_ends, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_read), os.close(to_write)
        self.buffer, self.number, self.errors = b"", 0, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(domain + ".enable")

    session = None

    def ask(self, method, timeout=20.0, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + timeout
        while True:
            while b"\0" in self.buffer:
                line, self.buffer = self.buffer.split(b"\0", 1)
                answer = json.loads(line)
                if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                    self.errors.append(answer["params"])
                if answer.get("id") == self.number:
                    assert "error" not in answer, (method, answer)
                    return answer["result"]
            ready, _, _ = select.select([self.read_end], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{method} was not answered within {timeout} s"
            piece = os.read(self.read_end, 1 << 16)
            assert piece, "the browser has ended"
            self.buffer += piece

    def open(self, url):
        self.ask("Page.navigate", url=url)

    def run(self, script):
        """The value of a JavaScript expression on the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def text(self):
        return self.run("document.body ? document.body.innerText : ''")

    def wait_text(self, *pieces, timeout=15.0):
        end = time.monotonic() + timeout
        while True:
            text = self.text()
            if all(piece in text for piece in pieces):
                return text
            assert time.monotonic() < end, (pieces, text)
            time.sleep(0.05)

    def press(self, label, within="document"):
        """The button or link of that text."""
        found = self.run(f"""(() => {{ const all = [...{within}.querySelectorAll('button, a')].filter(b => b.textContent === {json.dumps(label)});
            if (!all.length) return false; all[0].focus(); all[0].click(); return true; }})()""")
        assert found, (label, self.text())

    def fill(self, selector, value):
        self.run(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(value)}")

    def close(self):
        os.close(self.write_end), os.close(self.read_end)
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
