"""A container with an ACME CA for testcontainers, in Pebble's place.

The URLs follow the Host header, so any published port works. Clients trust pebble.minica.pem beside this file for the
server, and the root of `root()` for certificates.
"""

import pathlib
import ssl
import time
import urllib.error
import urllib.request

from testcontainers.core.container import DockerContainer

IMAGE = "selvedge"
ACME_PORT = 14000
MANAGEMENT_PORT = 15000
START_SECONDS = 60


class SelvedgeContainer(DockerContainer):
    """`pebble` of the image; orders need no challenges unless `preauthorized` is false."""

    #: The certificate to trust for https.
    ANCHOR = pathlib.Path(__file__).with_name("pebble.minica.pem")

    def __init__(self, image=IMAGE, preauthorized=True, **kwargs):
        super().__init__(image, entrypoint="pebble", **kwargs)
        self.with_exposed_ports(ACME_PORT, MANAGEMENT_PORT)
        self.with_command(["-strict", *(["-preauthorized"] if preauthorized else [])])

    def start(self):
        super().start()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.get("/health")
                return self
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _authority(self, port):
        return f"{self.get_container_host_ip()}:{self.get_exposed_port(port)}"

    def get(self, path):
        """Reads a path of the management interface."""
        context = ssl.create_default_context(cafile=str(self.ANCHOR))
        url = f"https://{self._authority(MANAGEMENT_PORT)}{path}"
        with urllib.request.urlopen(url, context=context) as answer:
            return answer.read().decode()

    def directory(self):
        """The URL of the directory."""
        return f"https://{self._authority(ACME_PORT)}/dir"

    def root(self):
        """The root of the certificates that it issues, PEM."""
        return self.get("/roots/0")
