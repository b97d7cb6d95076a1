"""A merchants folder: every mistake is explained, and the last good state stays in force."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.config.directory import MerchantDirectory
from shared.config.lint import lint, schemas
from shared.config.merchant import MerchantConfig
from shared.config.problem import Problem, Severity
from shared.config.secret import Secret
from shared.errors import ConfigurationFault

ENVIRON = {
    "ACME_SHOPIFY_SECRET": "s1",
    "ACME_SHOPIFY_OLD_SECRET": "s2",
    "ACME_WEBHOOK_SECRET": "s3",
    "ACME_TWILIO_TOKEN": "s4",
}
EXAMPLE = Path(__file__).parent / "example" / "acme"
MERCHANT = (EXAMPLE / "merchant.yaml").read_text(encoding="utf-8")
FLOW = (EXAMPLE / "flows" / "order-thank-you.yaml").read_text(encoding="utf-8")
KEY_HASH = "9f86d081" * 8


def write(root: Path, merchant: str = MERCHANT, flow: str | None = FLOW, *, name: str = "acme") -> Path:
    """Write a merchant's folder under a merchants folder and return the latter."""
    folder = root / "merchants" / name
    (folder / "flows").mkdir(parents=True, exist_ok=True)
    (folder / "merchant.yaml").write_text(merchant, encoding="utf-8")
    if flow is not None:
        (folder / "flows" / "order-thank-you.yaml").write_text(flow, encoding="utf-8")
    return root / "merchants"


def changed(text: str, old: str, new: str) -> str:
    """Return the text with one thing changed, which must be there."""
    if old not in text:
        raise ValueError(f"{old!r} does not stand in the text")
    return text.replace(old, new)


def line_of(text: str, needle: str) -> int:
    """Return the line, from 1, on which something first stands."""
    return text[: text.index(needle)].count("\n") + 1


def sentences(problems: list[Problem] | tuple[Problem, ...]) -> list[str]:
    """Return the problems as their author reads them, without the folder."""
    return [f"{Path(problem.file).name}:{problem.line}: {problem.message}; {problem.fix}" for problem in problems]


def touch(path: Path, text: str) -> None:
    """Write a file so that its time is another one, however coarse the file system's clock is."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_the_documented_example_has_no_problem(tmp_path: Path) -> None:
    assert lint(write(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new", "at", "message", "fix"),
    [
        ("brand: Acme Coffee\n", "", "merchant: acme", "field 'brand' is missing", "add 'brand: …'"),
        ("brand:", "brnd:", "brand:", "unknown field 'brnd'", "did you mean 'brand'?"),
        ("{env: ACME_TWILIO_TOKEN}", "s3cr3t", "auth_token", "a secret is never written", "use {env: NAME}"),
        ("{env: ACME_TWILIO_TOKEN}", "{env: A, file: /b}", "auth_token", "exactly one place", ""),
        ("[{env: ACME_WEBHOOK_SECRET}]", "[]", "standard-webhooks", "'secrets' must not be empty", "add an item"),
        ("kind: twilio", "kind: twilo", "  main", "unknown kind 'twilo'", "did you mean 'twilio'?"),
        ("    kind: twilio\n", "", "  main", "'main' has no kind", "add 'kind: …'"),
        ("auth_token", "auth_tokn", "auth_token", "unknown field 'auth_tokn'", "did you mean 'auth_token'?"),
        ("allowlist_only: true", "allowlist_only: yes", "allowlist", "must be true or false", "without quotes"),
        ("account_sid: AC0", "account_sid: XX0", "account_sid", "'account_sid' has the wrong form", "AC"),
        ("provider: main", "provider: mian", "provider: main", "unknown provider 'mian'", "did you mean 'main'?"),
        ("kind: long_code", "kind: longcode", "kind: long", "cannot be 'longcode'", "did you mean 'long_code'?"),
        ('"+12025550100"', '"+1 202 555 0100"', "- number", "without spaces", ""),
        ('"+12025550100"', '"+10025550100"', "- number", "never starts with 0 or 1", ""),
        ("profile: strict", "profile: lax", "policies", "'profile' cannot be 'lax'", "consent_aware, strict"),
        ("close_guard_seconds: 60", "close_guard_seconds: 5", "policies", "greater than or equal to 60", ""),
        ("America/New_York", "America/Gotham", "time_zone", "not an IANA time zone", ""),
        ("country: US", "country: usa", "country", "'country' has the wrong form", "two upper case letters"),
        (KEY_HASH, "abc", "sha256", "'sha256' has the wrong form", ""),
        ("merchant: acme", "merchant: amce", "merchant", "named 'amce' but its folder 'acme'", "the same name"),
        ("https://go.acme", "go.acme", "links", "'base_url' has the wrong form", "https://"),
    ],
)
def test_a_mistake_in_a_merchant_file_is_explained(
    tmp_path: Path, old: str, new: str, at: str, message: str, fix: str
) -> None:
    problems = lint(write(tmp_path, merchant=changed(MERCHANT, old, new)))

    assert len(problems) == 1
    assert problems[0].line == line_of(MERCHANT, at)
    assert message in problems[0].message
    assert fix in problems[0].fix
    assert problems[0].severity is Severity.ERROR
    assert "s3cr3t" not in str(problems[0])


SHOPIFY = "  shopify: {"
WORDING = "I agree to automated marketing texts from Acme Coffee. Consent is not a condition of purchase."


def claiming(words: str | None, **more: str) -> str:
    """Return the example's file with a Shopify box that claims to be written consent."""
    said = {"consent_level": "pewc", **({"disclosure": json.dumps(words)} if words is not None else {}), **more}
    return changed(MERCHANT, SHOPIFY, SHOPIFY + "".join(f"{name}: {value}, " for name, value in said.items()))


def test_written_consent_without_the_words_shown_is_refused_with_what_the_law_demands(tmp_path: Path) -> None:
    [problem] = lint(write(tmp_path, merchant=claiming(None)))
    assert problem.severity is Severity.ERROR
    assert problem.line == line_of(MERCHANT, SHOPIFY)
    for demand in ("marketing texts", "named", "automated", "not a condition of purchase", "47 CFR 64.1200(f)(9)"):
        assert demand in problem.message
    assert "consent_level: express" in problem.fix


@pytest.mark.parametrize("since", ['"2026-01-31T00:00:00Z"', "2026-01-31T00:00:00Z"])
def test_words_that_say_all_and_since_when_are_no_problem(tmp_path: Path, since: str) -> None:
    root = write(tmp_path, merchant=claiming(WORDING, disclosure_since=since))
    assert lint(root) == []
    [merchant] = MerchantDirectory.load(root, ENVIRON).merchants
    source = merchant.config.sources["shopify"]
    assert (source.consent_level, source.disclosure) == ("pewc", WORDING)
    assert source.disclosure_since == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("gone", "instead", "lacking"),
    [
        ("automated ", "", "by automated means"),
        ("Consent is not a condition of purchase.", "Thank you, dear friend.", "no condition of purchase"),
        ("marketing ", "order ", "to marketing"),
        ("texts", "calls", "to texts"),
        ("Acme Coffee", "us", "do not say 'Acme Coffee'"),
    ],
)
def test_words_that_lack_what_written_consent_needs_are_named_with_the_rule(
    tmp_path: Path, gone: str, instead: str, lacking: str
) -> None:
    words = changed(WORDING, gone, instead)
    [problem] = lint(write(tmp_path, merchant=claiming(words, disclosure_since='"2026-01-31T00:00:00Z"')))
    assert problem.severity is Severity.WARNING
    assert lacking in problem.message
    assert "47 CFR 64.1200(f)(9)" in problem.message


def test_words_in_another_language_are_checked_for_the_brand_alone(tmp_path: Path) -> None:
    spanish = "Acepto recibir mensajes publicitarios automáticos de Acme Coffee; no es condición de compra."
    since = {"disclosure_since": '"2026-01-31T00:00:00Z"'}
    merchant = changed(claiming(spanish, **since), "locale: en-US", "locale: es-ES")
    assert [
        problem for problem in lint(write(tmp_path, merchant=merchant)) if "written consent" in problem.message
    ] == []


def test_words_without_a_date_are_warned_of(tmp_path: Path) -> None:
    [problem] = lint(write(tmp_path, merchant=claiming(WORDING)))
    assert problem.severity is Severity.WARNING
    assert "disclosure_since" in problem.fix


def test_a_claim_for_a_source_that_sends_its_own_levels_is_warned_of(tmp_path: Path) -> None:
    webhooks = "  standard-webhooks: {"
    box = f"consent_level: pewc, disclosure: {json.dumps(WORDING)}, "
    [problem] = lint(write(tmp_path, merchant=changed(MERCHANT, webhooks, webhooks + box)))
    assert problem.severity is Severity.WARNING
    assert "standard-webhooks" in problem.message


TWILIO = MERCHANT[MERCHANT.index("    kind: twilio") : MERCHANT.index("    base_url")]


def test_a_number_whose_provider_this_version_cannot_send_through_is_refused(tmp_path: Path) -> None:
    other = changed(MERCHANT, TWILIO, "    kind: brevo\n    api_key: {env: ACME_TWILIO_TOKEN}\n")
    [problem] = lint(write(tmp_path, merchant=other))
    assert "does not send through 'brevo' yet" in problem.message
    assert "simulated, twilio" in problem.fix
    with pytest.raises(ConfigurationFault, match="brevo"):
        MerchantDirectory.load(tmp_path / "merchants", ENVIRON)


def test_an_unknown_scope_is_an_error_that_names_the_right_one(tmp_path: Path) -> None:
    merchant = changed(MERCHANT, '"follow-ups:write"', '"follow-up:write"')
    [problem] = lint(write(tmp_path, merchant=merchant))
    assert problem.severity is Severity.ERROR
    assert "no scope is called 'follow-up:write'" in problem.message
    assert problem.fix == "did you mean 'follow-ups:write'?"


def test_a_source_this_version_cannot_read_is_a_warning_that_names_the_way_round(tmp_path: Path) -> None:
    other = changed(MERCHANT, "standard-webhooks:", "woocommerce:")
    [problem] = lint(write(tmp_path, merchant=other))
    assert problem.severity is Severity.WARNING
    assert "POST /v1/events" in problem.fix


@pytest.mark.parametrize(
    ("old", "new", "at", "message", "fix"),
    [
        (
            "trigger.amount_minor",
            "trigger.amount_minr",
            "when:",
            "'trigger.amount_minr'",
            "did you mean 'amount_minor'?",
        ),
        ("!trigger.test", "trigger.vip", "when:", "'trigger.vip': no purchase has it", "declare it under 'facts:'"),
        (
            "once_per: trigger.subject",
            "once_per: trigger.sbject",
            "enter",
            "'trigger.sbject'",
            "did you mean 'subject'?",
        ),
        ("event.subject", "event.subjct", "- {on: refund", "'event.subjct': no refund has it", "'subject'?"),
        (">= 2000 &&", ">= 2000 &", "when:", "'when', column", ""),
        ("when: trigger.amount_minor >= 2000 && !trigger.test", "when: \"'x'\"", "when:", "is a text", ""),
        ("once_per: trigger.subject", "once_per: trigger.test && true", "enter", "names one thing", ""),
        (
            "recipient.first_name | default: 'so much'",
            "recipient.firstname",
            "      en:",
            "'recipient.firstname'",
            "first_name",
        ),
        (
            "recipient.first_name | default: 'so much'",
            "recipent.first_name",
            "      en:",
            "unknown name",
            "'recipient'?",
        ),
        ("trigger.review_url | link", "trigger.review_url | lnk", "body: {en", "unknown filter 'lnk'", ""),
        ("{{ trigger.review_url | link }}", "{{ trigger.review_url", "body: {en", "expected '}}'", ""),
        ("trigger.review_url", "trigger.tracking_url", "body: {en", "no purchase has it", ""),
    ],
)
def test_a_mistake_in_a_flow_is_explained(tmp_path: Path, old: str, new: str, at: str, message: str, fix: str) -> None:
    problems = lint(write(tmp_path, flow=changed(FLOW, old, new)))

    assert len(problems) == 1
    assert problems[0].line == line_of(FLOW, at)
    assert message in problems[0].message
    assert fix in problems[0].fix
    assert problems[0].severity is Severity.ERROR


def test_a_problem_reads_as_file_line_and_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, flow=changed(FLOW, "purpose: marketing", "purpos: marketing"))
    monkeypatch.chdir(tmp_path)

    expected = "merchants/acme/flows/order-thank-you.yaml:18: unknown field 'purpos'; did you mean 'purpose'?"
    assert list(map(str, lint(Path("merchants")))) == [expected]


def test_a_declared_fact_may_be_read(tmp_path: Path) -> None:
    flow = changed(FLOW, "!trigger.test", "trigger.vip") + "facts: {vip: bool}\n"

    assert lint(write(tmp_path, flow=flow)) == []


NOWHERE = changed(
    changed(changed(MERCHANT, "country: US\n", ""), "kind: long_code", "kind: alphanumeric"), '"+12025550100"', "Acme"
)
"""A shop that tells no country, and sends under a name."""


@pytest.mark.parametrize(
    ("merchant", "flow", "message"),
    [
        (MERCHANT, changed(FLOW, "    expire_after: 3d\n", ""), "the marketing text 'review' never expires"),
        (changed(MERCHANT, "locale: en-US", "locale: de"), FLOW, "has no body in the merchant's locale 'de'"),
        (changed(MERCHANT, "registration: registered", "registration: pending"), FLOW, "is not registered"),
        (changed(MERCHANT, "contact: help@acme.example\n", ""), FLOW, "the answer to HELP has no contact to name"),
        (changed(MERCHANT, "shopify:", "shopfy:"), FLOW, "no source is called 'shopfy'"),
        (NOWHERE, FLOW, "no text may go anywhere"),
        (changed(MERCHANT, "max: 3", "max: 9"), FLOW, "more than 3 texts in 24 hours"),
        (changed(MERCHANT, "links:", "terms_url: https://a.example #"), FLOW, "no domain for short links"),
        (MERCHANT, changed(FLOW, "flow: order-thank-you", "flow: thanks"), "but its file 'order-thank-you'"),
    ],
)
def test_what_is_allowed_but_unwise_is_a_warning(tmp_path: Path, merchant: str, flow: str, message: str) -> None:
    problems = lint(write(tmp_path, merchant=merchant, flow=flow))

    assert {problem.severity for problem in problems} == {Severity.WARNING}
    assert any(message in problem.message for problem in problems)


def test_one_number_and_one_key_belong_to_one_merchant(tmp_path: Path) -> None:
    write(tmp_path)
    root = write(tmp_path, merchant=changed(MERCHANT, "merchant: acme", "merchant: beta"), name="beta")

    problems = lint(root)

    assert [problem.line for problem in problems] == [line_of(MERCHANT, "- number"), line_of(MERCHANT, "- {id")]
    assert all("beta" in problem.file and "acme/merchant.yaml" in problem.message for problem in problems)


def test_two_flows_of_one_name_are_refused(tmp_path: Path) -> None:
    root = write(tmp_path)
    (root / "acme" / "flows" / "second.yaml").write_text(FLOW, encoding="utf-8")

    assert any("is already in" in problem.message for problem in lint(root))


def test_a_file_with_the_wrong_ending_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    root = write(tmp_path)
    (root / "acme" / "flows" / "second.yml").write_text(FLOW, encoding="utf-8")

    assert sentences(lint(root)) == ["second.yml:1: this file is not read; rename it to second.yaml"]


def test_a_folder_a_merchant_and_a_file_can_be_checked(tmp_path: Path) -> None:
    root = write(
        tmp_path, flow=changed(FLOW, "on: purchase", "on: purchse"), merchant=changed(MERCHANT, "brand", "brnd")
    )

    assert len(lint(root)) == len(lint(root / "acme")) == 2
    assert len(lint(root / "acme" / "flows" / "order-thank-you.yaml")) == 1
    assert "there is no such" in lint(root / "nowhere")[0].message
    assert "there is no merchant here" in lint(root / "acme" / "flows")[0].message


def test_the_published_schemas_name_every_field(tmp_path: Path) -> None:
    published = schemas()

    assert set(published) == {"merchant", "flow", "tests"}
    assert set(published["merchant"]["properties"]) == set(MerchantConfig.model_fields)
    assert published["flow"]["additionalProperties"] is False
    assert json.loads(json.dumps(published)) == published


def test_a_directory_finds_merchants_by_id_number_and_key(tmp_path: Path) -> None:
    directory = MerchantDirectory.load(write(tmp_path), ENVIRON)

    merchant = directory.get("acme")
    assert merchant is not None
    assert list(merchant.flows) == ["order-thank-you"]
    assert directory.merchants == (merchant,)
    by_number, by_key = directory.by_number("+12025550100"), directory.by_api_key(KEY_HASH)
    assert by_number is not None
    assert by_number[0] is merchant
    assert by_key is not None
    assert by_key[1].id == "shop-backend"
    assert directory.get("other") is None
    assert directory.by_number("+1") is None
    assert directory.by_api_key("") is None


def test_a_broken_file_at_the_first_start_is_a_fault_with_every_problem(tmp_path: Path) -> None:
    root = write(tmp_path, merchant=changed(MERCHANT, "brand", "brnd"), flow=changed(FLOW, "on: purchase", "on: x"))

    with pytest.raises(ConfigurationFault) as caught:
        MerchantDirectory.load(root, ENVIRON)

    assert len(caught.value.detail.splitlines()) == 2
    assert "did you mean 'brand'?" in caught.value.detail


def test_a_missing_secret_is_a_fault_that_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match="ACME_TWILIO_TOKEN is not set") as caught:
        MerchantDirectory.load(write(tmp_path), {**ENVIRON, "ACME_TWILIO_TOKEN": ""})

    assert f"merchant.yaml:{line_of(MERCHANT, 'auth_token')}:" in caught.value.detail


def test_a_missing_folder_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match="no such folder"):
        MerchantDirectory.load(tmp_path / "nowhere", ENVIRON)


def test_nothing_is_read_again_while_nothing_changes(tmp_path: Path) -> None:
    directory = MerchantDirectory.load(write(tmp_path), ENVIRON)
    merchant = directory.get("acme")

    assert directory.reload_if_changed() is False
    assert directory.get("acme") is merchant


def test_a_changed_flow_takes_effect_on_reload(tmp_path: Path) -> None:
    root = write(tmp_path)
    directory = MerchantDirectory.load(root, ENVIRON)

    touch(root / "acme" / "flows" / "order-thank-you.yaml", changed(FLOW, "wait: 1h", "wait: 2h"))

    assert directory.reload_if_changed() is True
    merchant = directory.get("acme")
    assert merchant is not None
    assert '"wait":"2h"' in merchant.flows["order-thank-you"].canonical()


def test_a_file_that_breaks_on_reload_leaves_the_last_good_one_in_force(tmp_path: Path) -> None:
    root = write(tmp_path)
    directory = MerchantDirectory.load(root, ENVIRON)
    before = directory.get("acme")
    path = root / "acme" / "flows" / "order-thank-you.yaml"

    touch(path, changed(FLOW, "trigger.test", "trigger.tset"))

    assert directory.reload_if_changed() is True
    assert directory.get("acme") is before
    assert [problem.line for problem in directory.problems] == [4]

    touch(path, changed(FLOW, "wait: 1h", "wait: 2h"))

    assert directory.reload_if_changed() is True
    assert directory.problems == ()
    assert directory.get("acme") != before


def test_a_broken_merchant_holds_only_itself(tmp_path: Path) -> None:
    root = write(tmp_path)
    directory = MerchantDirectory.load(root, ENVIRON)
    beta = changed(
        changed(changed(MERCHANT, "merchant: acme", "merchant: beta"), "5550100", "5550101"), KEY_HASH, "a" * 64
    )

    write(tmp_path, merchant=beta, name="beta")
    touch(root / "acme" / "merchant.yaml", changed(MERCHANT, "brand", "brnd"))
    directory.reload_if_changed()

    assert [merchant.id for merchant in directory.merchants] == ["acme", "beta"]
    assert directory.by_number("+12025550101") is not None


def test_a_newcomer_cannot_take_another_merchants_number(tmp_path: Path) -> None:
    root = write(tmp_path, merchant=changed(MERCHANT, "merchant: acme", "merchant: beta"), name="beta")
    directory = MerchantDirectory.load(root, ENVIRON)

    write(tmp_path, merchant=changed(MERCHANT, KEY_HASH, "b" * 64))
    directory.reload_if_changed()

    assert [merchant.id for merchant in directory.merchants] == ["beta"]
    assert any("as well" in problem.message and "acme" in problem.file for problem in directory.problems)


def test_a_removed_merchant_is_gone(tmp_path: Path) -> None:
    root = write(tmp_path)
    directory = MerchantDirectory.load(root, ENVIRON)

    (root / "acme").rename(root / ".acme")
    directory.reload_if_changed()

    assert directory.merchants == ()
    assert directory.by_number("+12025550100") is None


def test_a_rotated_secret_file_is_noticed(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n", encoding="utf-8")
    merchant = changed(MERCHANT, "{env: ACME_TWILIO_TOKEN}", f"{{file: {token}}}")
    directory = MerchantDirectory.load(write(tmp_path, merchant=merchant), ENVIRON)
    assert Secret(file=str(token)).resolve({}) == "first"

    touch(token, "")

    assert directory.reload_if_changed() is True
    assert [problem.message for problem in directory.problems] == [f"the secret file {token} is empty"]
