"""Distinguishes people from software: link previews of messengers, scanners, prefetching browsers.

A visit in doubt counts as a robot's: a missed click costs a figure, a false one credits a purchase to a text that was
not opened.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

EARLIEST_VISIT = timedelta(seconds=2)
"""No person reads a text and taps its link sooner after its delivery, or after it was sent where no receipt has come
yet; carriers' scanners do."""

_PREVIEWS = (
    "whatsapp", "facebookexternalhit", "facebookcatalog", "facebot", "meta-external", "slack-imgproxy", "slackbot",
    "skypeuripreview", "google-pagerenderer", "google web preview", "googlemessages", "google-safety", "google-read-",
    "googleother", "google-inspectiontool", "feedfetcher", "apis-google", "mediapartners-google", "bingpreview",
    "msnpreview", "yahoo! slurp", "line-poker", "kakaotalk-scrap", "vkshare", "embedly", "iframely", "outbrain",
    "quora link preview", "flipboardproxy", "nuzzel", "bitlybot", "w3c_validator", "lighthouse", "pagespeed",
    "snapchatads", "viber", "messagesurlpreview", "linkpresentation", "com.apple.", "cfnetwork",
    "dalvik/", "okhttp", "android-messages", "samsung_messages",
)  # fmt: skip
"""Parts of user agents of messengers that fetch a link to draw its preview. iMessage on a phone calls itself
"facebookexternalhit/1.1 Facebot Twitterbot/1.0"; apps without a browser show their HTTP library."""
_SCANNERS = (
    "barracuda", "proofpoint", "mimecast", "zscaler", "symantec", "trendmicro", "paloalto", "expanse", "virustotal",
    "urlscan", "safebrowsing", "safe browsing", "netcraft", "phishtank", "forcepoint", "fortiguard", "sophos",
    "lookout", "checkpoint", "cloudmark", "censys", "shodan", "zgrab", "masscan", "nmap", "nessus", "nuclei",
)  # fmt: skip
_LIBRARIES = (
    "curl/", "wget/", "python-requests", "python-httpx", "python-urllib", "aiohttp", "go-http-client", "java/",
    "libwww-perl", "apache-httpclient", "guzzlehttp", "axios/", "node-fetch", "undici", "httpie", "postmanruntime",
    "insomnia/", "headlesschrome", "phantomjs", "puppeteer", "playwright", "selenium", "scrapy", "ruby", "php/",
    "winhttp", "faraday", "reqwest", "httpclient",
)  # fmt: skip
_KNOWN = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, (*_PREVIEWS, *_SCANNERS, *_LIBRARIES)))})")
"""Each at the beginning of a word: "ruby" is a script, "Aruby" is not."""
_DEVICE = re.compile(r"(\(linux; (?:u; )?android [\d.]+; )[^;)]*")
"""A phone's own model name, which does not mean a robot: there are phones called Cubot, Spider and Ruby."""
_GENERIC = re.compile(r"bot\b|bot/|crawl|spider\b|scanner|link.?preview|url.?preview|monitor|fetcher|archiver")
"""Words that robots use for themselves."""
_PREFETCH_HEADERS = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_PREFETCH = re.compile(r"prefetch|prerender|preview|instant")


class RobotCause(StrEnum):
    """Why a visit is counted as a robot's."""

    HEAD_REQUEST = "head_request"
    PREFETCH = "prefetch"
    NO_USER_AGENT = "no_user_agent"
    USER_AGENT = "user_agent"
    TOO_EARLY = "too_early"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a short link."""

    method: str
    headers: Mapping[str, str]
    """By name in lower case."""
    at: datetime
    sent_at: datetime
    """When the text was committed to be sent: no visit can be earlier."""
    delivered_at: datetime | None
    """When the text was delivered, as far as is known yet."""


def robot_cause(visit: Visit) -> RobotCause | None:
    """Return why a visit is a robot's, or None for a person's."""
    if visit.method != "GET":
        return RobotCause.HEAD_REQUEST
    if any(_PREFETCH.search(visit.headers.get(name, "").casefold()) for name in _PREFETCH_HEADERS):
        return RobotCause.PREFETCH
    agent = _DEVICE.sub(r"\1", visit.headers.get("user-agent", "").strip().casefold())
    if not agent:
        return RobotCause.NO_USER_AGENT
    if _KNOWN.search(agent) or _GENERIC.search(agent):
        return RobotCause.USER_AGENT
    if visit.at - (visit.delivered_at or visit.sent_at) < EARLIEST_VISIT:
        return RobotCause.TOO_EARLY
    return None
