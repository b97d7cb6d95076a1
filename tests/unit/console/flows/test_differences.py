"""What changed between two versions."""

from services.console.flows.differences import changed_lines


def test_changed_lines_stand_with_the_lines_around_them() -> None:
    before = "a\nb\nc\nd\ne\nf\n"
    found = changed_lines(before, before.replace("e", "E").replace("f\n", "f\ng\n"))
    assert found is not None
    assert [line.sign + line.words for line in found] == [" c", " d", "-e", "+E", " f", "+g"]


def test_the_same_has_no_changes() -> None:
    assert changed_lines("a\n", "a\n") == []


def test_lines_that_begin_with_signs_are_not_taken_for_heads() -> None:
    found = changed_lines("x: 1\n", "x: 1\n++ y\n-- z\n")
    assert found is not None
    assert [line.words for line in found if line.sign == "+"] == ["++ y", "-- z"]


def test_texts_that_are_too_long_are_not_compared() -> None:
    assert changed_lines("a\n" * 2_000, "b\n") is None
