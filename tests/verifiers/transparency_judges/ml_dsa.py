"""Has cryptography, which brings an OpenSSL of its own, do ML-DSA-44: a JSON list in, an answer for each out.

{seed, message} is answered with a key and a signature, {key, message, signature} with whether it is right. All octets are
in base64.
"""

import base64
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey


def text(octets):
    return base64.b64encode(octets).decode()


def answer(asked):
    octets = {name: base64.b64decode(value) for name, value in asked.items()}
    if "seed" in octets:
        key = MLDSA44PrivateKey.from_seed_bytes(octets["seed"])
        return {"key": text(key.public_key().public_bytes_raw()), "signature": text(key.sign(octets["message"]))}
    try:
        MLDSA44PublicKey.from_public_bytes(octets["key"]).verify(octets["signature"], octets["message"])
    except InvalidSignature:
        return False
    return True


json.dump([answer(asked) for asked in json.load(sys.stdin)], sys.stdout)
