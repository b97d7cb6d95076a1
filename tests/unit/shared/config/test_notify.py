"""`notify:` in merchant.yaml: mistakes are named with file, line and how to fix them."""

from pathlib import Path

import pytest

from shared.config.lint import lint
from shared.config.notify import MailEndpoint
from shared.vocabulary.notification_kinds import NotificationKind

GOOD = '{name: helpdesk, url: "https://help.acme.example/hook", secrets: [{env: HOOK}], events: [reply.received]}'


def said(folder: Path, *webhooks: str) -> list[str]:
    (folder / "acme").mkdir()
    listed = "".join(f"    - {each}\n" for each in webhooks)
    text = f"merchant: acme\nbrand: Acme\ncountry: US\ncontact: x\nnotify:\n  webhooks:\n{listed}"
    (folder / "acme" / "merchant.yaml").write_text(text)
    return [str(problem) for problem in lint(folder) if "sender number" not in str(problem)]


def test_an_endpoint_as_the_manual_shows_it_is_in_order(tmp_path: Path) -> None:
    assert said(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ("reply.received", "reply.recieved", "did you mean 'reply.received'"),
        ("reply.received", "test", "need not be listed"),
        ("[reply.received]", "[]", "events"),
        ("helpdesk", "Help Desk", "name"),
        ("https:", "ftp:", "url"),
        ("{env: HOOK}", '"whsec_abc"', "a secret is never written into the file"),
        ("https:", "http:", "https://"),
        ("url:", "urls:", "urls"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, was: str, becomes: str, words: str) -> None:
    problems = said(tmp_path, GOOD.replace(was, becomes))
    assert any(words in problem and "merchant.yaml:7" in problem for problem in problems), problems


@pytest.mark.parametrize(
    "address",
    ["owner", "owner@acme", "a@b.example, c@d.example", "Owner <o@acme.example>", "o@acme.example\\n", "@acme.example"],
)
def test_what_is_not_one_mail_address_is_refused(tmp_path: Path, address: str) -> None:
    (tmp_path / "acme").mkdir()
    text = (
        f'merchant: acme\nbrand: Acme\ncountry: US\ncontact: x\nnotify:\n  mail:\n    - {{name: o, to: "{address}"}}\n'
    )
    (tmp_path / "acme" / "merchant.yaml").write_text(text)
    assert any("one mail address" in str(problem) for problem in lint(tmp_path))


def test_a_mail_address_hears_of_what_somebody_should_look_into() -> None:
    told = MailEndpoint(name="owner", to="owner@acme.example")
    assert told.wants(NotificationKind.REPLY_NEEDS_REVIEW)
    assert not told.wants(NotificationKind.REPLY_RECEIVED)


def test_two_endpoints_of_one_name_are_refused(tmp_path: Path) -> None:
    [problem] = said(tmp_path, GOOD, GOOD)
    assert "twice" in problem
