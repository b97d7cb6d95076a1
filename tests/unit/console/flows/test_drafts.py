"""What the editor keeps of what was typed."""

from services.console.flows.drafts import examples, line_of, with_lines


def test_a_browsers_line_ends_become_those_of_a_file() -> None:
    assert with_lines("a\r\nb\rc\n\n\n") == "a\nb\nc\n"
    assert with_lines("") == "\n"


def test_the_line_of_a_mistake_is_shown_shortened() -> None:
    assert line_of("a\n  b: c\n", 2) == "b: c"
    assert line_of("a", 7) == ""
    assert len(line_of("x" * 500, 1)) == 120


def test_an_example_takes_another_name() -> None:
    example = examples()["review"]
    assert example.named("mine").startswith("flow: mine\ndescription:")
    assert example.description.startswith("Ask for a review")
