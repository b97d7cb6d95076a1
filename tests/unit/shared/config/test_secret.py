"""A file says where a secret is, and never what it is."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.config.secret import Secret
from shared.errors import ConfigurationFault


def test_a_secret_is_found_where_the_file_says(tmp_path: Path) -> None:
    kept = tmp_path / "token"
    kept.write_text("t0ken\n", encoding="utf-8")

    assert Secret(env="TOKEN").resolve({"TOKEN": " t0ken "}) == "t0ken"
    assert Secret(file=str(kept)).resolve({}) == "t0ken"


@pytest.mark.parametrize(
    "given", ["s3cr3t", 5, ["s3cr3t"], {"value": "s3cr3t"}, {}, {"env": "A", "file": "b"}, {"env": "a b"}]
)
def test_anything_but_one_place_is_refused_without_being_repeated(given: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Secret.model_validate(given)

    assert "s3cr3t" not in str(caught.value)


def test_a_secret_that_is_not_there_is_a_fault_with_a_fix(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n", encoding="utf-8")
    binary.write_bytes(b"\xff\xfe")

    for secret, said in [
        (Secret(env="TOKEN"), "TOKEN is not set or empty; set TOKEN"),
        (Secret(file=str(tmp_path / "nowhere")), "cannot be read; create it"),
        (Secret(file=str(binary)), "cannot be read"),
        (Secret(file=str(empty)), "is empty; write the secret into it"),
    ]:
        with pytest.raises(ConfigurationFault, match=said):
            secret.resolve({})
