"""A running machine, and the conversation with its serial console over pipes."""

import fcntl
import os
import pty
import re
import signal
import subprocess
import tempfile
import termios
import threading
import time


class ConsoleError(Exception):
    """The guest or the emulator did not do what was expected; carries the end of the transcript."""


def tail(text, lines=40):
    return "\n".join("    | " + line.rstrip("\r") for line in text.splitlines()[-lines:])


class Console:
    """Starts the emulator. Use it in a `with` block: leaving ends the process, whatever happened.

    With `terminal` its standard input and output are a terminal, on which its own keys work."""

    def __init__(self, command, environment=None, terminal=False):
        self.command_line = command
        self._output, self._seen = "", 0
        self._changed = threading.Condition()
        self._errors = tempfile.TemporaryFile()
        self.started = time.monotonic()
        if terminal:
            own, theirs = pty.openpty()
            self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=self._errors, env=environment,
                                            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
            os.close(theirs)
            self._input, self._from = os.fdopen(own, "wb", 0), os.fdopen(os.dup(own), "rb")
        else:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                                            env=environment)
            self._input, self._from = self.process.stdin, self.process.stdout
        self._closed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        for stream in (self._input, self._from, self._errors):
            try:
                stream.close()
            except OSError:
                pass

    def _read(self):
        while True:
            try:
                data = self._from.read1(65536)
            except OSError:  # a terminal whose other end is closed
                data = b""
            with self._changed:
                self._output += data.decode("utf-8", "replace")
                self._closed = not data
                self._changed.notify_all()
                if not data:
                    return

    @property
    def transcript(self):
        return self._output

    @property
    def errors(self):
        """What the emulator has written to its standard error."""
        self._errors.seek(0)
        return self._errors.read().decode("utf-8", "replace")

    def fail(self, what):
        words = " ".join(f"'{word}'" if " " in word else word for word in self.command_line)
        try:
            code = self.process.wait(0.5 if self._closed else 0)  # at its end, a moment for the exit code
        except subprocess.TimeoutExpired:
            code = None
        if code is None:
            state = "still running"
        elif code < 0:
            state = f"killed by {signal.Signals(-code).name}"
        else:
            state = f"exit code {code}"
        raise ConsoleError(f"{what}\n  command: {words}\n  emulator: {state}\n  its standard error:\n{tail(self.errors)}\n"
                           f"  end of the serial line:\n{tail(self._output)}")

    def expect(self, pattern, timeout, never=r"Kernel panic - not syncing|Unable to handle kernel|Oops \["):
        """Waits until `pattern` occurs in output not yet matched. Fails on the time-out, the end, or `never`."""
        wanted, bad = re.compile(pattern), re.compile(never) if never else None
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                fresh = self._output[self._seen:]
                match = wanted.search(fresh)
                if match:
                    self._seen += match.end()
                    return match
                if bad and bad.search(fresh):
                    self._changed.wait_for(lambda: self._closed, 1)  # let the guest finish what it says about it
                    self.fail(f"'{bad.search(fresh)[0]}' instead of '{pattern}'")
                if self._closed:
                    self.fail(f"the serial line ended; '{pattern}' did not come")
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    self.fail(f"'{pattern}' did not come within {timeout} s")

    def send(self, text):
        try:
            self._input.write(text.encode())
            self._input.flush()
        except OSError:
            self.fail(f"the emulator takes no input; could not send {text!r}")

    def run(self, command, timeout=30, check=True):
        """Runs one line in the guest's shell. Returns its output; fails if its status is not 0 and `check`."""
        # Quotes in the middle of the marks: they appear whole in the output only, not in the shell's echo.
        self.send(f"echo B''EGIN; {command}; echo E''ND$?\n")
        self.expect(r"BEGIN\r?\n", timeout)
        start = self._seen
        match = self.expect(r"END(\d+)\r?\n", timeout)
        output = self._output[start:self._seen - len(match[0])].replace("\r\n", "\n")
        if check and match[1] != "0":
            self.fail(f"status {match[1]} from the guest's command: {command}\n{tail(output)}")
        return output.strip("\n")

    def finish(self, timeout, code=0):
        """Waits for the emulator's end by itself and checks its exit code. Returns the run's wall time in seconds."""
        try:
            result = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.fail(f"the emulator did not end within {timeout} s")
        wall = time.monotonic() - self.started
        self._reader.join(5)
        if code is not None and result != code:
            self.fail(f"exit code {result}, not {code}")
        return wall
