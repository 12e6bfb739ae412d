"""Has cryptography's x509.verification answer questions: a JSON list in, for each null or what is wrong out."""

import datetime
import functools
import ipaddress
import json
import sys

from cryptography import x509
from cryptography.x509 import verification


@functools.cache
def certificate(path):
    with open(path, "rb") as file:
        return x509.load_pem_x509_certificate(file.read())


def answer(question):
    store = verification.Store([certificate(question["root"])])
    at = datetime.datetime.fromtimestamp(question["at"], datetime.timezone.utc)
    policy = verification.PolicyBuilder().store(store).time(at)
    name = question["name"]
    if question["kind"] == "client":
        verifier = policy.build_client_verifier()
    elif question["kind"] == "host":
        verifier = policy.build_server_verifier(x509.DNSName(name))
    else:
        verifier = policy.build_server_verifier(x509.IPAddress(ipaddress.ip_address(name)))
    try:
        verifier.verify(certificate(question["leaf"]), [certificate(question["intermediate"])])
    except verification.VerificationError as error:
        return str(error)
    return None


json.dump([answer(question) for question in json.load(sys.stdin)], sys.stdout)
