"""`followup gate`, asked about people whose time zone is no place, or another place than everything else says."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.compliance.gate.inputs import Policy
from shared.config.merchant import MerchantConfig

NIGHT, MORNING = "2026-12-01T08:00:00Z", "2026-12-01T13:00:00Z"
"""Three in the morning in New York, and eight."""
NEW_YORK = {"country": "US", "state": "NY"}


def asked(known: dict[str, Any], now: str = NIGHT) -> dict[str, Any]:
    """Return what the command says of a marketing text to a number of Manhattan."""
    consent = {"status": "pewc", "captured_at": "2025-06-01T00:00:00Z"}
    question = {"to": "+12125550123", "class": "marketing", "now": now, "known": known, "consent": consent}
    result = CliRunner().invoke(app, ["gate"], input=json.dumps(question))
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.mark.parametrize(
    "known",
    [
        {"timezone": "UTC", "postal_code": "10001", **NEW_YORK},
        {"timezone": "GMT", **NEW_YORK},
        {"timezone": "Zulu"},
        {"timezone": "Universal"},
        {"timezone": "Etc/GMT-8"},
        {"timezone": "Etc/UTC"},
        {"timezone": "CET", **NEW_YORK},
        {"timezone": "EST5EDT"},
        {"timezone": "PST8PDT"},
    ],
)
def test_a_zone_that_is_no_place_opens_no_night(known: dict[str, Any]) -> None:
    reported = asked(known)
    assert (reported["decision"], reported["reason"], reported["until"]) == ("defer", "quiet_hours", MORNING)


def test_a_fixed_offset_is_no_time_zone() -> None:
    # 21:30 in a New York July, and 20:30 by the offset that EST names.
    reported = asked({"timezone": "EST", **NEW_YORK}, "2026-07-02T01:30:00Z")
    assert (reported["decision"], reported["reason"]) == ("defer", "quiet_hours")


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/London", "PRC"])
def test_a_zone_of_another_country_opens_nothing_alone(zone: str) -> None:
    # Seven in New York: daytime there, night here.
    reported = asked({"timezone": zone, "postal_code": "10001", **NEW_YORK}, "2026-12-01T12:00:00Z")
    assert (reported["decision"], reported["reason"]) == ("defer", "quiet_hours")


def test_a_zone_of_another_country_is_one_clock_more() -> None:
    # Ten in the evening in London, five in the afternoon in New York: both must be awake.
    now = "2026-12-01T22:00:00Z"
    assert asked(NEW_YORK, now)["decision"] == "send"
    assert asked({"timezone": "Europe/London", **NEW_YORK}, now)["decision"] == "defer"


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "US/Pacific", "Pacific/Honolulu", "America/Puerto_Rico"])
def test_a_place_of_the_same_country_is_believed_by_any_of_its_names(zone: str) -> None:
    # Half past midnight in New York. In Honolulu it is half past seven in the evening, elsewhere night.
    reported = asked({"timezone": zone}, "2026-12-01T05:30:00Z")
    assert (reported["decision"], [each["zone"] for each in reported["zones"]]) == (
        "send" if "Honolulu" in zone else "defer",
        [zone],
    )


@pytest.mark.parametrize("to", ["+447012345678", "+449098790123", "+881612345678", "+88216555000", "+33899123456"])
@pytest.mark.parametrize("purpose", ["marketing", "transactional", "help"])
def test_no_text_of_any_class_goes_to_a_number_whose_holder_earns_by_it(to: str, purpose: str) -> None:
    question = {"to": to, "class": purpose, "now": "2026-12-01T15:00:00Z", "consent": {"status": "pewc"}}
    reported = json.loads(CliRunner().invoke(app, ["gate"], input=json.dumps(question)).stdout)
    assert (reported["decision"], reported["reason"]) == ("block", "unsupported_number_type")


@pytest.mark.parametrize("to", ["+5351234567", "+18765550123", "+447911123456"])
@pytest.mark.parametrize("purpose", ["marketing", "transactional"])
def test_texts_stay_in_the_countries_the_shop_writes_to(to: str, purpose: str) -> None:
    question = {"to": to, "class": purpose, "now": "2026-12-01T15:00:00Z", "consent": {"status": "pewc"}}

    def reported(**more: Any) -> tuple[str, str]:
        answer = json.loads(CliRunner().invoke(app, ["gate"], input=json.dumps(question | more)).stdout)
        return answer["decision"], answer["reason"]

    assert reported(destinations=["US", "CA"]) == ("block", "destination_not_allowed")
    assert reported(destinations=["US", "CU", "JM", "GB"])[1] != "destination_not_allowed"


def shop(**more: Any) -> MerchantConfig:
    """Return a merchant file's content."""
    return MerchantConfig.model_validate({"merchant": "acme", "brand": "Acme", **more})


@pytest.mark.parametrize(
    ("reported", "countries"),
    [
        ({"country": "US"}, "US"),
        ({"country": "FR", "policies": {"destinations": ["JE", "PR"]}}, "FR GB US"),
        ({"numbers": [{"number": "+14165550123", "kind": "long_code"}]}, "CA"),
        ({"country": "US", "numbers": [{"number": "+447911123456", "kind": "long_code"}]}, "GB US"),
        ({"country": "DE", "numbers": [{"number": "72345", "kind": "short_code", "country": "AT"}]}, "AT DE"),
        ({}, ""),
    ],
)
def test_a_shop_writes_to_its_own_country_to_those_of_its_numbers_and_to_those_it_names(
    reported: dict[str, Any], countries: str
) -> None:
    numbers = [number | {"provider": "main"} for number in reported.get("numbers", ())]
    allowed = Policy.of(shop(**reported | {"numbers": numbers})).destinations
    assert allowed is not None
    assert " ".join(sorted(allowed)) == countries


@pytest.mark.parametrize("to", ["+14165550123", "+18765550123"])
def test_a_shop_in_the_united_states_writes_to_its_neighbours_only_where_it_says_so(to: str) -> None:
    question = {"to": to, "class": "transactional", "now": "2026-12-01T15:00:00Z", "consent": {"status": "contract"}}

    def reported(config: MerchantConfig) -> dict[str, Any]:
        asked = question | {"destinations": sorted(config.destinations())}
        answer: dict[str, Any] = json.loads(CliRunner().invoke(app, ["gate"], input=json.dumps(asked)).stdout)
        return answer

    refused = reported(shop(country="US"))
    assert (refused["decision"], refused["reason"]) == ("block", "destination_not_allowed")
    assert "policies.destinations" in refused["explanation"]
    assert ("CA" if "416" in to else "JM") in refused["explanation"]
    assert reported(shop(country="US", policies={"destinations": ["CA", "JM"]}))["decision"] == "send"


def test_an_answer_goes_to_whoever_wrote_wherever_they_live() -> None:
    asked = {
        "to": "+5351234567",
        "class": "help",
        "now": "2026-12-01T15:00:00Z",
        "destinations": ["US"],
        "history": [{"at": "2026-12-01T14:59:00Z", "class": "inbound_help"}],
    }
    assert json.loads(CliRunner().invoke(app, ["gate"], input=json.dumps(asked)).stdout)["decision"] == "send"
