"""Which addresses a call may go to that somebody else chose."""

import pytest

from shared.http.networks import Networks
from shared.http.outbound_addresses import is_allowed

NONE = Networks()

FORBIDDEN = {
    "loopback": ["127.0.0.1", "127.8.8.8", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1", "fec0::1"],
    "link local": ["169.254.1.1", "fe80::1", "fe80::1%eth0"],
    "metadata": [
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    ],
    "this network": ["0.0.0.0", "0.1.2.3", "::"],
    "carrier": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": [
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "198.18.0.1",
        "2001:db8::1",
    ],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe"],
    "compatible": ["::127.0.0.1", "::169.254.169.254"],
    "NAT64": ["64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::a00:1", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8"],
    "6to4": ["2002:7f00:1::", "2002:a9fe:a9fe::", "2002:808:808::"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "no address": ["", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1:80", "8.8.8.8/32"],
}


@pytest.mark.parametrize(
    ("form", "address"), [(form, address) for form, addresses in FORBIDDEN.items() for address in addresses]
)
def test_what_is_not_public_is_not_called(form: str, address: str) -> None:
    assert not is_allowed(address, NONE)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_what_is_public_is_called(address: str) -> None:
    assert is_allowed(address, NONE)


def test_an_own_network_is_called_and_its_neighbour_is_not() -> None:
    own = Networks.of("10.1.0.0/16, fd12::/16")

    assert is_allowed("10.1.2.3", own)
    assert is_allowed("::ffff:10.1.2.3", own)
    assert is_allowed("64:ff9b::a01:203", own)
    assert is_allowed("fd12::1", own)
    assert not is_allowed("10.2.0.1", own)
    assert not is_allowed("fd13::1", own)
    assert not is_allowed("169.254.169.254", own)
