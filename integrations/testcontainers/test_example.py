"""A test with a container of the image `selvedge`, as packages/container/Dockerfile makes it."""

import json
import ssl
import urllib.request

from selvedge_container import SelvedgeContainer


def test_directory_and_root():
    with SelvedgeContainer() as ca:
        context = ssl.create_default_context(cafile=str(ca.ANCHOR))
        with urllib.request.urlopen(ca.directory(), context=context) as answer:
            assert json.load(answer)["newOrder"].startswith(ca.directory().removesuffix("/dir"))
        assert "BEGIN CERTIFICATE" in ca.root()
