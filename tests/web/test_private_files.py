"""Nothing that the process writes can be read by others of the machine, whatever folder it was given."""

import os
import sys
from pathlib import Path

import pytest

from services import embedded
from shared.errors import ConfigurationFault
from shared.privacy import Keyring
from shared.settings import ProcessSettings
from tests.web.test_access import MERCHANT


@pytest.mark.skipif(sys.platform == "win32", reason="the modes of POSIX")
def modes_of(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir() if file.is_file()}


async def test_an_existing_open_folder_makes_no_file_readable(tmp_path: Path) -> None:
    data, acme = tmp_path / "data", tmp_path / "merchants" / "acme"
    acme.mkdir(parents=True)
    (acme / "merchant.yaml").write_text(MERCHANT)
    data.mkdir(mode=0o755)
    Keyring.new().save(data / "keyring.json")
    for left in ("keyring.json", "process.json", "simulator.db", "followup.db"):
        (data / left).touch()
        (data / left).chmod(0o644)
    before = os.umask(0o022)
    try:
        settings = ProcessSettings(data_dir=data, merchants_dir=acme.parent)
        async with (
            embedded.open_application(settings) as application,
            embedded.process_file(application),
            application.app.router.lifespan_context(application.app),
        ):
            modes = modes_of(data)
    finally:
        os.umask(before)
    assert {"followup.db", "followup.db-wal", "simulator.db", "keyring.json", "process.json"} <= modes.keys()
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


async def test_a_byte_that_changed_while_the_application_was_stopped_is_reported_at_the_next_start(
    tmp_path: Path,
) -> None:
    acme = tmp_path / "merchants" / "acme"
    acme.mkdir(parents=True)
    (acme / "merchant.yaml").write_text(MERCHANT)
    settings = ProcessSettings(data_dir=tmp_path / "data", merchants_dir=acme.parent)
    for _ in range(2):
        async with embedded.open_application(settings):
            pass
    database = tmp_path / "data" / "followup.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    with pytest.raises(ConfigurationFault, match="a byte of it was changed"):
        async with embedded.open_application(settings):
            pass
    database.write_bytes(whole)
    async with embedded.open_application(settings):
        pass
