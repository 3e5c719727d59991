"""Webhooks reach the internet and what is allowed, whatever a name or a notation hides."""

import socket
from ipaddress import ip_address, ip_network

import pytest

from tasks.webhooks.addresses import (
    AddressRefused,
    find_url_problem,
    make_checked_socket,
    may_reach,
)

REFUSED = [
    *("127.0.0.1", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254"),
    *("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1"),
    *("::1", "::", "fe80::1", "fc00::1", "ff02::1"),
    # What leads to an address of IPv4.
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_refused(address):
    assert not may_reach(ip_address(address))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(AddressRefused):
        make_checked_socket((family, socket.SOCK_STREAM, 6, "", (address, 80)))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_what_is_public_is_not(address):
    assert may_reach(ip_address(address))


def test_a_site_can_allow_a_network_of_its_own(settings):
    settings.STAGENT_WEBHOOK_ALLOW = [ip_network("10.1.0.0/16")]
    assert may_reach(ip_address("10.1.2.3"))
    assert may_reach(ip_address("::ffff:10.1.2.3"))
    assert not may_reach(ip_address("10.2.0.1"))


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com", "//example.com", "http://", "https://[::1", "x"),
        *("http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest"),
        *("http://user:secret@example.com/", "http://example.com:99999/"),
        *("http://exa mple.com/", "http://example.com/\nx"),
    ],
)
def test_a_url_that_cannot_be_sent_to_has_a_problem(url):
    assert find_url_problem(url)


def test_a_url_with_a_name_is_taken():
    assert find_url_problem("https://hooks.example.com:8443/a?b=c") is None
