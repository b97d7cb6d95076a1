"""Signatures of Standard Webhooks: the specification's own example, and rotation."""

from shared.standard_webhooks import SIGNATURE, headers_of, key_of, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'


def test_the_example_of_the_specification_has_its_signature() -> None:
    assert signature(SECRET, ID, "1614265330", BODY) == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_signs_so_that_they_can_be_rotated() -> None:
    signed = headers_of(ID, 1614265330, BODY, [SECRET, "another"])[SIGNATURE].split(" ")
    assert [len(each) for each in signed] == [47, 47]
    assert signed[0] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_that_is_no_base64_is_its_own_key() -> None:
    assert key_of("plain secret!") == b"plain secret!"
    assert len(key_of(SECRET)) == 24
