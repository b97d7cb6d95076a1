"""Flow files are saved whole or not at all, by name alone, and never through a link."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from services.scheduler.flow_files import folder as folders
from services.scheduler.flow_files.folder import ChangedMeanwhile, FlowFolder, NotWritable


@pytest.fixture
def root(tmp_path: Path) -> Path:
    flows = tmp_path / "merchants" / "acme" / "flows"
    flows.mkdir(parents=True)
    (flows / "thanks.yaml").write_text("old\n", encoding="utf-8")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.yaml").write_text("secret", encoding="utf-8")
    return tmp_path / "merchants"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "acme" / "flows").iterdir())


def test_a_file_is_saved_by_what_it_was(root: Path) -> None:
    folder = FlowFolder(root)
    (root / "acme" / "flows" / "thanks.yaml").chmod(0o640)
    assert folder.save("acme", "thanks", "new\n", sha("old\n")).sha256 == sha("new\n")
    found = folder.read("acme", "thanks")
    assert found is not None
    assert (found.text, found.sha256) == ("new\n", sha("new\n"))
    assert stat.S_IMODE((root / "acme" / "flows" / "thanks.yaml").stat().st_mode) == 0o640
    assert names(root) == ["thanks.yaml"]


def test_the_second_writer_is_told_and_a_repeat_of_the_first_is_the_same_as_once(root: Path) -> None:
    folder = FlowFolder(root)
    folder.save("acme", "thanks", "first\n", sha("old\n"))
    with pytest.raises(ChangedMeanwhile):
        folder.save("acme", "thanks", "second\n", sha("old\n"))
    assert folder.save("acme", "thanks", "first\n", sha("old\n")).sha256 == sha("first\n")
    assert (root / "acme" / "flows" / "thanks.yaml").read_text() == "first\n"


def test_a_new_file_does_not_replace_one_that_is_there(root: Path) -> None:
    folder = FlowFolder(root)
    with pytest.raises(ChangedMeanwhile):
        folder.save("acme", "thanks", "new\n", None)
    folder.save("acme", "other", "new\n", None)
    assert names(root) == ["other.yaml", "thanks.yaml"]
    with pytest.raises(ChangedMeanwhile):
        folder.save("acme", "gone", "new\n", sha("was there"))


def test_a_shop_without_a_folder_of_flows_gets_one(root: Path) -> None:
    (root / "bolt").mkdir()
    assert FlowFolder(root).is_writable("bolt")
    FlowFolder(root).save("bolt", "first", "new\n", None)
    assert (root / "bolt" / "flows" / "first.yaml").read_text() == "new\n"


@pytest.mark.parametrize(
    "name",
    ["../merchant", "..", ".", "", "a/b", "/etc/passwd", "thanks.yaml", "A", "a\n", "a\x00", "-a", "x" * 65, "ü"],
)
def test_what_is_no_name_is_neither_read_nor_written(root: Path, name: str) -> None:
    folder = FlowFolder(root)
    assert folder.read("acme", name) is None
    for what in (lambda: folder.save("acme", name, "x", None), lambda: folder.delete("acme", name, sha("x"))):
        with pytest.raises(NotWritable):
            what()
    with pytest.raises(NotWritable):
        folder.save(name, "thanks", "x", None)
    assert names(root) == ["thanks.yaml"]
    assert not folder.is_writable(name)


def test_a_link_is_neither_followed_nor_replaced(root: Path, tmp_path: Path) -> None:
    folder, link = FlowFolder(root), root / "acme" / "flows" / "linked.yaml"
    link.symlink_to(tmp_path / "outside" / "secret.yaml")
    assert folder.read("acme", "linked") is None
    with pytest.raises(NotWritable):
        folder.save("acme", "linked", "x", sha("secret"))
    with pytest.raises(NotWritable):
        folder.delete("acme", "linked", sha("secret"))
    assert link.is_symlink()
    assert (tmp_path / "outside" / "secret.yaml").read_text() == "secret"


def test_a_folder_that_is_a_link_is_not_written_to(root: Path, tmp_path: Path) -> None:
    (root / "bolt").mkdir()
    (root / "bolt" / "flows").symlink_to(tmp_path / "outside")
    (root / "linked").symlink_to(tmp_path / "outside")
    folder = FlowFolder(root)
    for merchant in ("bolt", "linked"):
        assert not folder.is_writable(merchant)
        with pytest.raises(NotWritable):
            folder.save(merchant, "x", "x", None)
    assert folder.read("bolt", "secret") is None
    assert sorted(path.name for path in (tmp_path / "outside").iterdir()) == ["secret.yaml"]


def test_what_is_no_file_or_too_large_is_left_alone(root: Path) -> None:
    folder, flows = FlowFolder(root), root / "acme" / "flows"
    os.mkfifo(flows / "pipe.yaml")
    (flows / "huge.yaml").write_bytes(b"x" * (folders.LARGEST_BYTES + 1))
    (flows / "folder.yaml").mkdir()
    for name in ("pipe", "huge", "folder"):
        with pytest.raises(NotWritable):
            folder.save("acme", name, "x", None)
    assert folder.read("acme", "huge") is None


def test_a_process_that_dies_while_it_writes_leaves_the_old_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", dies)
    with pytest.raises(KeyboardInterrupt):
        FlowFolder(root).save("acme", "thanks", "new\n", sha("old\n"))
    assert (root / "acme" / "flows" / "thanks.yaml").read_text() == "old\n"
    assert names(root) == ["thanks.yaml"]


def test_a_shop_cannot_fill_the_disk_with_flows(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MOST_FLOWS", 2)
    folder = FlowFolder(root)
    folder.save("acme", "two", "x", None)
    with pytest.raises(NotWritable, match="at most 2"):
        folder.save("acme", "three", "x", None)
    folder.save("acme", "two", "y", sha("x"))


def test_a_file_is_deleted_by_what_it_was(root: Path) -> None:
    folder = FlowFolder(root)
    with pytest.raises(ChangedMeanwhile):
        folder.delete("acme", "thanks", sha("other"))
    folder.delete("acme", "thanks", sha("old\n"))
    folder.delete("acme", "thanks", sha("old\n"))
    assert names(root) == []


def test_another_writer_at_work_is_waited_for_by_nobody(root: Path) -> None:
    folder = FlowFolder(root)
    with folder._opened("acme", create=False), pytest.raises(NotWritable):
        folder.save("acme", "thanks", "x", sha("old\n"))
