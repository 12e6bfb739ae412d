"""pytest fixtures with an ACME CA in memory.

`selvedge` is one CA for the session, `selvedge_ca` starts more with options of their own. Both need the program
`selvedge`: on the PATH, or named by --selvedge or the variable SELVEDGE.
"""

import json
import os
import pathlib
import subprocess
import time
import urllib.request

import pytest

START_SECONDS = 60
STOP_SECONDS = 10


class Selvedge:
    """A running CA: its addresses, and the DNS records that it looks up."""

    def __init__(self, program, folder, arguments=()):
        self._folder = pathlib.Path(folder)
        addresses = self._folder / "addresses.json"
        self.log = self._folder / "selvedge.log"
        command = [program, "dev", "--ephemeral", "--listen", "127.0.0.1:0", "--addresses", str(addresses), *arguments]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_SECONDS
        while not addresses.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"selvedge did not start:\n{self.log.read_text()}")
            time.sleep(0.02)
        #: All addresses, as `--addresses` writes them.
        self.addresses = json.loads(addresses.read_text())
        #: The URL of the directory.
        self.directory = self.addresses["directory"]
        #: The file with the root to trust, for the server and its certificates.
        self.root = pathlib.Path(self.addresses["root"])
        self._management = self.addresses["management"]

    def call(self, operation, **body):
        """Makes a call of pebble-challtestsrv, such as `call("add-a", host="a.test", addresses=["127.0.0.1"])`."""
        request = urllib.request.Request(f"{self._management}/{operation}", json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def set_txt(self, host, value):
        """Adds a TXT record, as dns-01 needs it."""
        self.call("set-txt", host=host.rstrip(".") + ".", value=value)

    def clear_txt(self, host):
        """Removes all TXT records of a name."""
        self.call("clear-txt", host=host.rstrip(".") + ".")

    def set_addresses(self, host, *addresses):
        """Sets the IPv4 addresses of a name."""
        self.call("add-a", host=host.rstrip(".") + ".", addresses=list(addresses))

    def stop(self):
        """Stops the CA, of which nothing is left."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def pytest_addoption(parser):
    parser.addoption("--selvedge", metavar="PROGRAM", help="the program selvedge [default: $SELVEDGE, else that on the PATH]")


def _program(config):
    return config.getoption("--selvedge") or os.environ.get("SELVEDGE") or "selvedge"


@pytest.fixture(scope="session")
def selvedge(request, tmp_path_factory):
    """A CA with the usual options, the same for all tests of the session."""
    ca = Selvedge(_program(request.config), tmp_path_factory.mktemp("selvedge"))
    yield ca
    ca.stop()


@pytest.fixture
def selvedge_ca(request, tmp_path_factory):
    """A function that starts a CA with options of `selvedge dev`, as `selvedge_ca("--preauthorized")`."""
    started = []

    def start(*arguments):
        started.append(Selvedge(_program(request.config), tmp_path_factory.mktemp("selvedge"), arguments))
        return started[-1]

    yield start
    for ca in started:
        ca.stop()
