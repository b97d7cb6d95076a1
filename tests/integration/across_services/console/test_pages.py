"""The console shows what happened to those who may see it, and no phone number."""

import re
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs

from shared.events.engagement import ReplyClass
from shared.ids import MerchantId
from shared.testing.clock import START
from shared.testing.make_days import days_at_a_shop
from shared.testing.make_metrics import NO_SCOPE_KEY, NUMBER, READ_KEY, TextFacts
from tests.integration.across_services.console.conftest import Console, opened

HALF_A_DAY_AGO = START + timedelta(hours=12)


async def sign_in(console: Console) -> httpx2.Response:
    return await console.http.post("/console/sign-in", data={"key": READ_KEY})


async def form_token(console: Console) -> str:
    """Return what stands in the forms of the session."""
    found = re.search(r'name="form_token" type="hidden" value="([0-9a-f]{64})"', (await page(console)))
    assert found is not None
    return found[1]


async def page(console: Console, path: str = "/console") -> str:
    await sign_in(console)
    answer = await console.http.get(path)
    assert answer.status_code == 200, answer.headers
    return answer.text


@pytest.mark.parametrize("path", ["/console", f"/console/follow-ups/{TextFacts().follow_up_id}"])
async def test_a_stranger_is_asked_to_sign_in(console: Console, path: str) -> None:
    answer = await console.http.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")


async def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(console: Console) -> None:
    answer = await sign_in(console)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/console" in cookie
    assert READ_KEY not in cookie


async def test_a_key_in_the_address_does_not_sign_in(console: Console) -> None:
    answer = await console.http.get("/console", params={"key": READ_KEY})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    assert "set-cookie" not in answer.headers


async def test_a_code_signs_in_once_and_by_the_form_alone(console: Console) -> None:
    made = (await console.http.post("/console/codes")).json()
    form = await console.http.get(made["path"])
    assert f'value="{made["code"]}"' in form.text
    assert "set-cookie" not in form.headers
    answer = await console.http.post("/console/sign-in", data={"code": made["code"]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    again = await console.http.post("/console/sign-in", data={"code": made["code"]})
    assert (again.status_code, "was used" in again.text) == (401, True)


async def test_a_long_cookie_is_no_session(console: Console) -> None:
    for cookie in ("a:b:" + "9" * 6000 + ":c", "x" * 8000, '"\\"'):
        answer = await console.http.get("/console", headers={"Cookie": f"followup_console={cookie}"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")


async def test_guesses_are_braked_by_address_even_where_the_next_would_be_right(console: Console) -> None:
    with capture_logs() as lines:
        for n in range(10):
            assert (await console.http.post("/console/sign-in", data={"key": f"fu_guess-{n}"})).status_code == 401
        braked = await sign_in(console)
    assert (braked.status_code, braked.headers["retry-after"]) == (429, "61")
    assert [line["event"] for line in lines] == ["console_sign_in_refused"] * 10
    console.clock.advance(seconds=61)
    assert (await sign_in(console)).status_code == 303


async def test_a_page_of_another_site_cannot_sign_in_or_out(console: Console) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await console.http.post("/console/sign-in", data={"key": READ_KEY}, headers=foreign)).status_code == 403
    await sign_in(console)
    assert (await console.http.post("/console/sign-out", headers=foreign)).status_code == 403
    assert (await console.http.get("/console")).status_code == 200


async def test_the_cookie_is_secure_where_the_world_comes_by_https_through_a_proxy_that_does_not(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, public_url="https://sms.acme.example") as behind:
        assert "Secure" in (await sign_in(behind)).headers["set-cookie"]
    async with opened(tmp_path / "plain") as plain:
        assert "Secure" not in (await sign_in(plain)).headers["set-cookie"]


@pytest.mark.parametrize("path", ["/console/follow-ups/nonsense", "/console/rows", "/console?span=nonsense"])
async def test_a_stranger_learns_nothing_of_what_an_address_should_hold(console: Console, path: str) -> None:
    answer = await console.http.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [("fu_nobody", 401, "No merchant has this key"), (f"{NO_SCOPE_KEY}acme", 403, "lacks the scope")],
)
async def test_a_wrong_key_is_reported_and_does_not_sign_in(
    console: Console, key: str, status: int, words: str
) -> None:
    answer = await console.http.post("/console/sign-in", data={"key": key})
    assert answer.status_code == status
    assert words in answer.text
    assert "set-cookie" not in answer.headers
    assert key not in answer.text


async def test_signing_out_ends_it(console: Console) -> None:
    await sign_in(console)
    copied = console.http.cookies["followup_console"]
    await console.http.post("/console/sign-out", data={"form_token": await form_token(console)})
    assert (await console.http.get("/console")).status_code == 303
    kept = await console.http.get("/console", headers={"Cookie": f"followup_console={copied}"})
    assert kept.status_code == 303


async def test_an_empty_shop_is_shown_what_comes_next(console: Console) -> None:
    html = await page(console)
    assert "three steps to the first" in html
    assert "followup trigger purchase --merchant acme" in html
    assert "No follow-ups yet" in html
    assert "Nothing is unanswered, failed, unknown or blocked." in html


async def test_every_follow_up_is_accounted_for_on_the_first_page(console: Console) -> None:
    texts = [TextFacts(n, HALF_A_DAY_AGO) for n in range(1, 6)]
    await console.take(
        *texts[0].all_the_way(),
        *texts[1].all_the_way(),
        texts[2].planned(),
        *texts[3].all_the_way()[:3],
        texts[3].blocked(),
        *texts[4].all_the_way()[:4],
        texts[4].unknown(),
    )
    html = await page(console)
    assert "<b>5</b> follow-ups, every one accounted for" in html
    found = dict(re.findall(r"</i>(\w+)</dt><dd>(\d+)</dd>", html))
    assert sum(map(int, found.values())) == 5
    assert (found["delivered"], found["pending"], found["blocked"], found["unknown"]) == ("2", "1", "1", "1")
    assert "There is no record that this person agreed" in html
    assert f'href="/console/follow-ups/{texts[4].follow_up_id}"' in html


async def test_no_number_of_anybody_stands_on_any_page(console: Console) -> None:
    text = TextFacts(1, HALF_A_DAY_AGO)
    await console.take(*text.all_the_way(), text.click(), text.reply(ReplyClass.OPT_OUT), text.opted_out())
    story = await page(console, f"/console/follow-ups/{text.follow_up_id}")
    assert "+1202•••0100" in story
    for html in (story, await page(console)):
        assert NUMBER not in html
        assert not re.search(r"\+\d{8,}", html)


async def test_a_story_shows_the_verdict_and_its_rule(console: Console) -> None:
    text = TextFacts(1, HALF_A_DAY_AGO)
    until = HALF_A_DAY_AGO + timedelta(hours=20)
    await console.take(*text.all_the_way()[:3], text.deferred(until, rules=("US-FL",)))
    html = await page(console, f"/console/follow-ups/{text.follow_up_id}")
    assert "gate: defer" in html
    assert "US-FL: 47 CFR 64.1200(c)(1)" in html
    assert "Deferred until" in html


async def test_the_story_of_another_shop_is_not_shown(console: Console) -> None:
    other = TextFacts(merchant_id=MerchantId("bolt"))
    await console.take(*other.all_the_way())
    await sign_in(console)
    answer = await console.http.get(f"/console/follow-ups/{other.follow_up_id}")
    assert answer.status_code == 404
    assert other.flow not in answer.text


async def test_what_a_merchant_wrote_is_shown_as_text_and_not_run(console: Console) -> None:
    text = TextFacts(1, HALF_A_DAY_AGO, step="<script>alert(1)</script>")
    await console.take(*text.all_the_way())
    for path in ("/console", f"/console/follow-ups/{text.follow_up_id}"):
        html = await page(console, path)
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert" in html


async def test_a_call_without_an_answer_is_listed_and_its_story_says_so(console: Console) -> None:
    text = TextFacts(1, HALF_A_DAY_AGO)
    await console.take(text.planned(), text.due(), text.cleared(), text.waiting())
    first = await page(console)
    assert '<span class="pill t-wait">unanswered</span>' in first
    assert "The provider did not confirm whether it accepted the text (HTTP 503); asked from" in first
    story = await page(console, f"/console/follow-ups/{text.follow_up_id}")
    assert "The text is not sent again before that is known." in story
    assert ">unanswered</span>" in story
    await console.take(text.accepted())
    assert ">unanswered</span>" not in await page(console)


async def test_a_tile_opens_to_its_rows(console: Console) -> None:
    texts = [TextFacts(n, HALF_A_DAY_AGO) for n in (1, 2)]
    await console.take(*texts[0].all_the_way(), *texts[1].all_the_way())
    tile = re.search(r'href="(/console/rows\?measure=delivered[^"]*)"', await page(console))
    assert tile is not None
    html = await page(console, tile[1].replace("&amp;", "&"))
    assert "<b>2</b> texts delivered" in html
    assert html.count("It was delivered.") == 2


async def test_results_open_to_their_rows_by_group_and_as_a_file(console: Console) -> None:
    texts = [TextFacts(n, HALF_A_DAY_AGO, flow="=cmd") for n in (1, 2)]
    await console.take(*(fact for text in texts for fact in text.all_the_way()))
    html = await page(console, "/console/results?period=7d")
    cell = re.search(
        r'<th scope="row">=cmd</th>\s*<td class="number" data-label="Planned"><span><a href="([^"]*)"', html
    )
    assert cell is not None
    opened_rows = await page(console, cell[1].replace("&amp;", "&"))
    assert "<b>2</b> follow-ups planned" in opened_rows
    answer = await console.http.get("/console/results/file.csv?period=7d&by=flow")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "'=cmd,planned,Planned,,,2,2,,count,follow-ups planned," in answer.text
    today = await page(console, f"/console/results?by=day&first={HALF_A_DAY_AGO:%Y-%m-%d}")
    assert 'data-label="Planned"><span><a' in today


@pytest.mark.parametrize(
    ("query", "status"),
    [("first=2026-12-09&last=2026-12-01", 422), ("first=x", 422), ("by=step", 422), ("by=day&period=365d", 200)],
)
async def test_a_period_that_is_none_is_said_beside_its_field(console: Console, query: str, status: int) -> None:
    await sign_in(console)
    answer = await console.http.get(f"/console/results?{query}")
    assert answer.status_code == status
    says = {"first=x": "Write a day", "by=day&period=365d": "choose a shorter period", "by=step": "could not be"}
    assert says.get(query, "The first day is after the last one.") in answer.text


@pytest.mark.parametrize("span", ["24h", "7d", "30d"])
async def test_each_period_draws_its_bars(console: Console, span: str) -> None:
    await console.take(*days_at_a_shop(console.clock.now(), 50, 1.0))
    html = await page(console, f"/console?span={span}")
    assert html.count('class="hit"') in {"24h": {24}, "7d": {7, 8}, "30d": {30, 31}}[span]


async def test_a_page_runs_no_script_but_its_own_and_none_from_elsewhere(console: Console) -> None:
    await sign_in(console)
    answer = await console.http.get("/console")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert " style=" not in answer.text
    assert " onclick=" not in answer.text
    for name in ("console.css", "console.js", "mark.svg"):
        assert (await console.http.get(f"/console/static/{name}")).status_code == 200
    assert (await console.http.get("/console/static/secret.txt")).status_code == 404


async def test_a_page_on_which_nothing_changed_is_not_sent_again(console: Console) -> None:
    await sign_in(console)
    first = await console.http.get("/console")
    same = await console.http.get("/console", headers={"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304
    await console.take(TextFacts(1, HALF_A_DAY_AGO).planned())
    other = await console.http.get("/console", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200
