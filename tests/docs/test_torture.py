"""`make torture` runs every long test there is, in exactly one section."""

from pathlib import Path

import pytest

from tools.torture import ROOT, SECTIONS, main

MARK = "mark.torture"


def long_tests() -> list[Path]:
    files = (ROOT / "tests").rglob("test_*.py")
    return [file for file in files if MARK in file.read_text(encoding="utf-8") and file != Path(__file__)]


def test_each_file_with_a_long_test_is_of_one_section() -> None:
    assert long_tests()
    for file in long_tests():
        holding = [
            section.name
            for section in SECTIONS
            if any((ROOT / "tests" / path) in (file, *file.parents) for path in section.files)
        ]
        assert len(holding) == 1, (file, holding)


def test_each_section_has_a_long_test() -> None:
    for section in SECTIONS:
        folders = [ROOT / "tests" / path for path in section.files]
        assert any(folder in (file, *file.parents) for folder in folders for file in long_tests()), section.name


def test_what_there_is_can_be_listed_and_an_unknown_section_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert "power" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["storms"])
    assert "there are oracle" in capsys.readouterr().err
