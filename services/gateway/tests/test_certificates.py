"""What Envoy is given of certificates: what fits together, and nothing else."""

import json
import os
from pathlib import Path

import pytest
from automix_gateway.envoy import certificates
from automix_gateway.envoy.certificates import AUTHORITY, OWN, Secret, UnusableCertificate, secrets
from automix_gateway.settings import GatewaySettings
from kit.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.chdir(tmp_path)
    return Authority(tmp_path, "authority")


def written(name: str) -> str:
    return Path(f"secrets/{name}.json").read_text()


def test_a_pair_that_does_not_fit_leaves_what_was_there(authority: Authority) -> None:
    chain, key = authority.issue("gateway")
    other, other_key = authority.issue("other")
    secret = Secret(OWN, chain, key)
    secret.write()
    before = written(OWN)
    assert not secret.is_old()
    os.replace(other_key, key)
    with pytest.raises(UnusableCertificate, match=r"gateway\.pem"):
        secret.write()
    assert written(OWN) == before
    assert secret.is_old(), "it is looked at again"
    os.replace(other, chain)
    secret.write()
    assert written(OWN) != before


def test_a_chain_replaced_while_it_is_looked_at_is_looked_at_again(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = authority.issue("gateway")
    other, other_key = authority.issue("other")
    secret = Secret(OWN, chain, key)
    checked = Secret._checked

    def replaced_meanwhile(self: Secret, certificate: bytes) -> object:
        found = checked(self, certificate)
        os.replace(other, chain)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Secret, "_checked", replaced_meanwhile)
        with pytest.raises(UnusableCertificate, match="being replaced"):
            secret.write()
    os.replace(other_key, key)
    assert secret.is_old()
    secret.write()
    assert not secret.is_old()


def test_words_beside_a_certificate_may_be_in_any_encoding(authority: Authority) -> None:
    path = authority.certificate
    path.write_bytes(b"# Autorit\xe9\n" + path.read_bytes())
    Secret(AUTHORITY, path).write()
    assert json.loads(written(AUTHORITY))["resources"][0]["name"] == AUTHORITY


def test_only_what_the_configuration_names_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(certificates, "SYSTEM_AUTHORITY", tmp_path / "none")
    settings = GatewaySettings.model_construct(tls_ca=None, tls_certificate=None, tls_key=None)
    assert list(secrets(settings, {})) == []
    assert len(list(secrets(settings, {"x": certificates.authority()}))) == 1
