"""Who is visiting: a person, or software that looks ahead."""

from datetime import datetime, timedelta

import pytest

from services.sender.engagement.links.robots import RobotCause, Visit, robot_cause
from shared.testing.clock import START

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
PIXEL = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Mobile Safari/537.36"
)
CUBOT = "Mozilla/5.0 (Linux; Android 11; CUBOT_X30) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
FACEBOOK_APP = IPHONE + " [FBAN/FBIOS;FBAV/490.0.0;FBDV/iPhone14,5]"
SAMSUNG = (
    "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 SamsungBrowser/26.0 Chrome/122.0 Mobile Safari/537.36"
)
IMESSAGE = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 "
    "Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0"
)


def visit(
    user_agent: str = IPHONE, *, method: str = "GET", after_seconds: float = 60, delivered: bool = True, **headers: str
) -> Visit:
    at: datetime = START + timedelta(seconds=after_seconds)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Visit(method, {"user-agent": user_agent, **named}, at, START, START if delivered else None)


@pytest.mark.parametrize("agent", [IPHONE, PIXEL, CUBOT, FACEBOOK_APP, SAMSUNG])
def test_a_browser_in_a_hand_is_a_person(agent: str) -> None:
    assert robot_cause(visit(agent)) is None


@pytest.mark.parametrize(
    "agent",
    [
        IMESSAGE,
        "WhatsApp/2.23.20.0 A",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Twitterbot/1.0",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        PIXEL + " (compatible; Google-PageRenderer Google (+https://developers.google.com))",
        "com.apple.WebKit.Networking/8618 CFNetwork/1490 Darwin/23.2.0",
        "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)",
        "okhttp/4.12.0",
        "Mozilla/5.0 (compatible; Proofpoint URL Defense)",
        "curl/8.5.0",
        "python-httpx/0.27",
        "Mozilla/5.0 HeadlessChrome/131.0.0.0 Safari/537.36",
        "SomeNewCrawler/1.0",
        "AcmeBot/3",
    ],
)
def test_previews_scanners_and_libraries_are_robots(agent: str) -> None:
    assert robot_cause(visit(agent)) is RobotCause.USER_AGENT


def test_a_head_request_is_a_robot_whatever_it_calls_itself() -> None:
    assert robot_cause(visit(method="HEAD")) is RobotCause.HEAD_REQUEST


def test_a_prefetching_browser_is_a_robot_until_the_person_comes() -> None:
    assert robot_cause(visit(sec_purpose="prefetch;prerender")) is RobotCause.PREFETCH
    assert robot_cause(visit(purpose="prefetch")) is RobotCause.PREFETCH
    assert robot_cause(visit(x_purpose="preview")) is RobotCause.PREFETCH
    assert robot_cause(visit(x_moz="prefetch")) is RobotCause.PREFETCH
    assert robot_cause(visit(purpose="")) is None


def test_who_does_not_say_what_it_is_is_a_robot() -> None:
    assert robot_cause(visit("  ")) is RobotCause.NO_USER_AGENT


def test_a_tap_within_two_seconds_of_sending_or_of_delivery_is_a_robots() -> None:
    assert robot_cause(visit(after_seconds=1.9, delivered=False)) is RobotCause.TOO_EARLY
    assert robot_cause(visit(after_seconds=2.0, delivered=False)) is None
    assert robot_cause(visit(after_seconds=1.9, delivered=True)) is RobotCause.TOO_EARLY
    assert robot_cause(visit(after_seconds=2.0, delivered=True)) is None


@pytest.mark.parametrize(
    "model", ["CUBOT_X30", "Spider X", "Ruby 5 Build/RP1A", "Monitor 7", "DOOGEE Robot Build/QP1A"]
)
def test_what_a_phone_is_called_is_no_sign_of_a_robot(model: str) -> None:
    agent = f"Mozilla/5.0 (Linux; Android 11; {model}) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
    assert robot_cause(visit(agent)) is None
    assert robot_cause(visit(agent + " (compatible; Googlebot/2.1)")) is RobotCause.USER_AGENT
