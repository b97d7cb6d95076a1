"""Files that an editor began with a mark of byte order say what they say."""

from pathlib import Path

from shared.config.secret import Secret
from shared.privacy import Keyring


def test_a_secret_in_a_file_is_the_secret_alone(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("made-up\r\n", encoding="utf-8-sig")
    assert Secret(file=str(file)).resolve({}) == "made-up"


def test_a_keyring_that_was_saved_by_an_editor_is_read(tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    ring = Keyring.new()
    ring.save(file)
    file.write_text(file.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert Keyring.load(file) == ring
