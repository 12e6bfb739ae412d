"""Has pkilint lint files: a JSON list of {linter, files} in; for each a list of [severity, code] out.

The validators are put together as pkilint's own programs do, which take one file each and a second to start. Each is
made once: those of the Baseline Requirements take half a second, for the list of public suffixes.
"""

import functools
import json
import sys

from pkilint import finding_filter, loader, pkix
from pkilint.bin import lint_pkix_signer_signee_cert_chain as chain
from pkilint.cabf import cabf_crl, serverauth
from pkilint.pkix import certificate, crl, extension, name


def read(path):
    with open(path, "rb") as file:
        return file.read()


@functools.cache
def pkix_validator():
    validators = [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ]
    decoders = certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS)
    return certificate.create_pkix_certificate_validator_container(decoders, validators)


def pkix_certificate(path):
    return pkix_validator().validate(loader.load_der_certificate(read(path), path).root)


@functools.cache
def serverauth_validator(kind):
    validators = serverauth.create_validators(kind)
    return certificate.create_pkix_certificate_validator_container(serverauth.create_decoding_validators(), validators)


def serverauth_certificate(path):
    document = loader.load_der_certificate(read(path), path)
    kind = serverauth.determine_certificate_type(document)
    filters = serverauth.create_serverauth_finding_filters(kind)
    return finding_filter.filter_results(filters, serverauth_validator(kind).validate(document.root))[0]


def signer_and_signee(issuer_path, subject_path):
    documents = {}
    for role, path in (("issuer", issuer_path), ("subject", subject_path)):
        documents[role] = loader.load_der_certificate(read(path), path, role, documents)
    decoder = chain.create_decoder_validation_container()
    issuer, subject = documents["issuer"].root, documents["subject"].root
    results = decoder.validate(issuer) + decoder.validate(subject)
    results += chain.create_issuer_validation_container().validate(issuer)
    return results + chain.create_subject_validation_container().validate(subject)


def revocation_list(path):
    kind = crl.CertificateRevocationListType.CRL
    validators = [
        crl.create_issuer_validator_container([]),
        crl.create_validity_validator_container([cabf_crl.create_validity_period_validator(kind)]),
        crl.create_extensions_validator_container([]),
        cabf_crl.CabfCrlReasonCodeAllowlistValidator(kind),
    ]
    decoders = [
        pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
        pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
    ]
    document = loader.RFC5280CertificateListDocumentLoader().load_der_document(read(path), path)
    return crl.create_pkix_crl_validator_container(decoders, validators).validate(document.root)


LINTERS = {
    "pkix": pkix_certificate,
    "serverauth": serverauth_certificate,
    "chain": signer_and_signee,
    "crl": revocation_list,
}


def findings(job):
    results = LINTERS[job["linter"]](*job["files"])
    return [(found.finding.severity.name, found.finding.code) for result in results for found in result.finding_descriptions]


json.dump([findings(job) for job in json.load(sys.stdin)], sys.stdout)
