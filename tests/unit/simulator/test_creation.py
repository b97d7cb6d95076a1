from pathlib import Path

import pytest

from services.simulator.config import SimulatorConfig
from services.simulator.creation import ErrorAnswer, TextOrder, read_order

GOOD = {"To": ["+12025550123"], "From": ["+12025550100"], "Body": ["Hello"]}
CONFIG = SimulatorConfig(
    data_file=Path("never-opened"), accounts={"AC" + "0" * 32: "token"}, service_numbers={"MG1": "+12025550100"}
)


def test_a_complete_form_is_an_order() -> None:
    order = read_order({**GOOD, "ValidityPeriod": ["900"], "StatusCallback": ["https://a.example/r?x=1"]}, CONFIG)
    assert isinstance(order, TextOrder)
    assert (order.validity_seconds, order.status_callback) == (900, "https://a.example/r?x=1")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": []}, 21604),
        ({"To": "2025550123"}, 21211),
        ({"To": "+15005550001"}, 21211),
        ({"To": "+15005550002"}, 21612),
        ({"To": "+15005550003"}, 21408),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"From": []}, 21603),
        ({"From": "+"}, 21212),
        ({"From": "+15005550001"}, 21212),
        ({"From": "+15005550007"}, 21606),
        ({"From": "+15005550008"}, 21611),
        ({"From": [], "MessagingServiceSid": "MG2"}, 21703),
        ({"Body": []}, 21602),
        ({"Body": "a" * 1601}, 21617),
        ({"ValidityPeriod": "0"}, 21624),
        ({"ValidityPeriod": "36001"}, 21624),
        ({"ValidityPeriod": "²"}, 21624),
        ({"StatusCallback": "ftp://a.example"}, 21609),
        ({"StatusCallback": "https://under_score.example/r"}, 21609),
        ({"StatusCallback": "http://[broken"}, 21609),
        ({"ScheduleType": "fixed"}, 20001),
    ],
)
def test_what_twilio_refuses_is_refused_with_its_code(changes: dict[str, str | list[str]], code: int) -> None:
    form = {**GOOD, **{name: [value] if isinstance(value, str) else value for name, value in changes.items()}}
    refusal = read_order({name: values for name, values in form.items() if values}, CONFIG)
    assert isinstance(refusal, ErrorAnswer)
    assert refusal.code == code
    assert refusal.as_json()["more_info"] == f"https://www.twilio.com/docs/errors/{code}"


def test_a_messaging_service_brings_its_number_and_a_picture_needs_no_words() -> None:
    form = {"To": ["+12025550123"], "MessagingServiceSid": ["MG1"], "MediaUrl": ["https://a.example/1.jpg"]}
    order = read_order(form, CONFIG)
    assert isinstance(order, TextOrder)
    assert (order.sender, order.media_count) == ("+12025550100", 1)


def test_numbers_that_are_not_owned_are_refused_once_owned_ones_are_named() -> None:
    config = SimulatorConfig(data_file=Path("x"), accounts=CONFIG.accounts, numbers=frozenset({"+12025550199"}))
    refusal = read_order(GOOD, config)
    assert isinstance(refusal, ErrorAnswer)
    assert refusal.code == 21606


def test_a_configuration_that_could_never_work_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one account"):
        SimulatorConfig(data_file=Path("x"), accounts={})
    with pytest.raises(ValueError, match="32 hexadecimal"):
        SimulatorConfig(data_file=Path("x"), accounts={"AC1": "t"})
