"""Two tests of a client, here certbot's library: with dns-01, and without challenges."""

import datetime

import josepy
import pytest
from acme import challenges, client, crypto_util, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

NAME = "www.example.org"


def acme_client(ca):
    key = josepy.JWKRSA(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    network = client.ClientNetwork(key, verify_ssl=str(ca.root))
    acme = client.ClientV2(client.ClientV2.get_directory(ca.directory, network), network)
    acme.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
    return acme


def csr():
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return crypto_util.make_csr(pem, [NAME])


def names_of(order):
    certificate = x509.load_pem_x509_certificate(order.fullchain_pem.encode())
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)


def prove(acme, ca, order):
    for authorization in order.authorizations:
        body = next(body for body in authorization.body.challenges if isinstance(body.chall, challenges.DNS01))
        response, value = body.response_and_validation(acme.net.key)
        ca.set_txt(body.chall.validation_domain_name(authorization.body.identifier.value), value)
        acme.answer_challenge(body, response)


def test_dns_challenge_is_validated(selvedge):
    acme = acme_client(selvedge)
    order = acme.new_order(csr())
    prove(acme, selvedge, order)
    assert names_of(acme.poll_and_finalize(order)) == [NAME]


def test_missing_record_is_an_error(selvedge):
    acme = acme_client(selvedge)
    order = acme.new_order(csr())
    selvedge.clear_txt(f"_acme-challenge.{NAME}")
    for authorization in order.authorizations:
        body = next(body for body in authorization.body.challenges if isinstance(body.chall, challenges.DNS01))
        acme.answer_challenge(body, body.chall.response(acme.net.key))
    with pytest.raises(errors.ValidationError):
        acme.poll_and_finalize(order)


def test_order_without_challenges(selvedge_ca):
    acme = acme_client(selvedge_ca("--preauthorized"))
    order = acme.new_order(csr())
    deadline = datetime.datetime.now() + datetime.timedelta(seconds=30)
    assert names_of(acme.finalize_order(order, deadline)) == [NAME]
