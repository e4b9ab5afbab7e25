"""Where the services are."""

import pytest
from automix_client.endpoints import Address, EndpointError, Endpoints, find_endpoints


def targets(endpoints: Endpoints | None) -> list[str]:
    assert endpoints is not None
    return [one.target for one in (endpoints.auth, endpoints.projects, endpoints.media, endpoints.mixer)]


def test_one_address_serves_everything() -> None:
    assert targets(find_endpoints(["gateway.example.org:443"])) == ["gateway.example.org:443"] * 4


def test_an_option_for_one_service_goes_before_the_one_for_all() -> None:
    found = find_endpoints(["media=m:2", "all:1"])
    assert targets(found) == ["all:1", "all:1", "m:2", "all:1"]


def test_options_go_before_the_environment_and_that_before_the_embedded_stack() -> None:
    embedded = Endpoints.parse("localhost:9", origin="embedded")
    environment = {"AUTOMIX_ENDPOINT": "e:1", "AUTOMIX_MIXER_ENDPOINT": "x:2"}
    assert targets(find_endpoints(["auth=o:3"], environment, lambda: embedded)) == ["o:3", "e:1", "e:1", "x:2"]
    assert targets(find_endpoints([], environment, lambda: embedded)) == ["e:1", "e:1", "e:1", "x:2"]
    assert find_endpoints([], {}, lambda: embedded) is embedded
    assert find_endpoints([], {}, lambda: None) is None


def test_a_service_without_an_address_is_named() -> None:
    with pytest.raises(EndpointError, match="projects, media, mixer"):
        find_endpoints(["auth=localhost:1"])


@pytest.mark.parametrize("text", ["", "localhost", "localhost:", ":1", "localhost:0", "localhost:99999", "ftp://x:1"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(EndpointError):
        Address.parse(text)


def test_an_unknown_service_is_refused() -> None:
    with pytest.raises(EndpointError, match="one of auth"):
        find_endpoints(["mastering=localhost:1"])


@pytest.mark.parametrize(
    ("text", "certificates", "encrypted"),
    [
        ("localhost:1", False, False),
        ("127.0.0.1:1", False, False),
        ("[::1]:1", False, False),
        ("localhost:1", True, True),
        ("automix.example.org:1", False, True),
        ("10.0.0.7:1", False, True),
        ("http://automix.example.org", False, False),
        ("http://automix.example.org", True, False),
        ("https://localhost:1", False, True),
    ],
)
def test_a_password_travels_in_the_clear_only_on_this_machine_or_on_request(
    text: str, certificates: bool, encrypted: bool
) -> None:
    assert Address.parse(text).encrypted(certificates=certificates) is encrypted


def test_a_scheme_brings_its_port() -> None:
    assert Address.parse("https://automix.example.org/").target == "automix.example.org:443"
    assert Address.parse("http://automix.example.org").target == "automix.example.org:80"
