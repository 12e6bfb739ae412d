"""Has cryptography read CRLs, and where a leaf says that its CRL is: a JSON list of {crl, issuer, leaf} in."""

import json
import sys

from cryptography import x509


def read(path, load):
    with open(path, "rb") as file:
        return load(file.read())


def urls(names):
    return [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]


def extension(of, kind):
    found = [e for e in of.extensions if isinstance(e.value, kind)]
    return found[0] if found else None


def reason(entry):
    found = extension(entry, x509.CRLReason)
    return found and found.value.reason.value


def contents(question):
    crl = read(question["crl"], x509.load_der_x509_crl)
    issuer = read(question["issuer"], x509.load_pem_x509_certificate)
    leaf = read(question["leaf"], x509.load_pem_x509_certificate)
    number = extension(crl, x509.CRLNumber)
    scope = extension(crl, x509.IssuingDistributionPoint)
    pointers = extension(leaf, x509.CRLDistributionPoints)
    return {
        "signed": crl.is_signature_valid(issuer.public_key()) and crl.issuer == issuer.subject,
        "number": number and number.value.crl_number,
        "from": int(crl.last_update_utc.timestamp()),
        "until": int(crl.next_update_utc.timestamp()),
        "urls": urls(scope.value.full_name or []) if scope else [],
        "leaf_urls": [url for pointer in pointers.value for url in urls(pointer.full_name)] if pointers else [],
        "scope_is_critical": scope is not None and scope.critical,
        "whole": scope is None or not (scope.value.indirect_crl or scope.value.only_some_reasons),
        "revoked": {f"{entry.serial_number:x}": reason(entry) for entry in crl},
    }


json.dump([contents(question) for question in json.load(sys.stdin)], sys.stdout)
