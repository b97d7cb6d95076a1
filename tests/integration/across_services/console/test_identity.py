"""Signing in at an identity provider: who was invited, and nobody else, from the browser that began."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from services.cli.checks.servers import findings
from services.console.identity.attempts import SignInAttempt
from services.console.identity.settings import IdentitySettings
from services.console.tables import sessions
from shared.errors import ConfigurationFault
from shared.settings import ProcessSettings
from shared.testing.clock import FakeClock
from tests.identity_provider import CLIENT, SECRET, IdentityServer, identity_server, key
from tests.integration.across_services.console.conftest import Console, opened
from tests.integration.across_services.console.test_invitations import invited, join
from tests.integration.across_services.console.test_two_steps import PAGE as STEPS
from tests.integration.across_services.console.test_two_steps import send as send_steps
from tests.integration.across_services.console.test_two_steps import shown
from tests.integration.engines import only_on_sqlite

IDENTITY = "/console/identity"
once = only_on_sqlite("what is refused before anything is stored is refused on every database")


@dataclass
class House:
    """A console, and the provider at which its people sign in."""

    console: Console
    provider: IdentityServer

    @property
    def http(self) -> httpx2.AsyncClient:
        return self.console.http

    async def begun(self) -> str:
        """Return the address at the provider that the browser is sent to."""
        answer = await self.http.get(IDENTITY)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def signed_in(self) -> httpx2.Response:
        """Go to the provider and back."""
        return await self.http.get(self.provider.authorize(await self.begun()))

    async def joined(self, name: str = "bo", role: str = "support", merchant: str = "acme") -> httpx2.Response:
        """Become a user by an invitation and an account at the provider."""
        code, _ = await invited(self.console, role, merchant)
        return await self.http.get(self.provider.authorize(await self.joining(code, name)))

    async def joining(self, code: str, name: str) -> str:
        form = {"code": code, "name": name, "by": "identity"}
        page = await self.http.post("/console/join", data=form)
        assert page.status_code == 200, page.text
        found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.text)
        assert found is not None
        return unescape(found[1])

    async def users(self, merchant: str = "acme") -> list[str]:
        found = (await self.console.operate("GET", "/console/users", merchant)).json()["users"]
        return [user["name"] for user in found]

    async def is_in(self) -> bool:
        return (await self.http.get("/console")).status_code == 200


@asynccontextmanager
async def reached_at(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Open a console that people reach at an address."""
    clock = FakeClock()
    clock.advance(days=1)
    async with identity_server(clock) as provider:
        for name, value in (("ISSUER", provider.issuer), ("CLIENT_ID", CLIENT), ("NAME", "Example <SSO>")):
            monkeypatch.setenv(f"FOLLOWUP_CONSOLE_OIDC_{name}", value)
        secret = folder / "client-secret"
        secret.write_text(f"{SECRET}\n", encoding="utf-8")
        monkeypatch.setenv("FOLLOWUP_CONSOLE_OIDC_CLIENT_SECRET_FILE", str(secret))
        monkeypatch.setenv("FOLLOWUP_OUTBOUND_NETWORKS", "127.0.0.0/8")
        async with opened(folder, address) as console:
            provider.clock = console.clock
            yield House(console, provider)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    async with reached_at("http://shop.test", tmp_path, monkeypatch) as found:
        yield found


async def test_who_was_invited_joins_and_signs_in_without_a_password(house: House) -> None:
    code, _ = await invited(house.console)
    page = await house.http.get("/console/join", params={"code": code})
    assert "Join with Example &lt;SSO&gt;" in page.text
    back = house.provider.authorize(await house.joining(code, " Bo "))
    done = await house.http.get(back)
    assert (done.status_code, "You are signed in" in done.text) == (200, True)
    settings = (await house.http.get("/console/settings")).text
    assert '<b>bo</b> <span class="fine">support</span>' in settings
    assert "Change your password" not in settings
    assert "at Example &lt;SSO&gt;" in settings
    [bo] = (await house.console.operate("GET", "/console/users")).json()["users"]
    assert bo["issuer"] == house.provider.issuer
    assert (await join(house.console, code, "eve")).status_code == 410
    house.http.cookies.clear()
    assert not await house.is_in()
    assert "Sign in with Example &lt;SSO&gt;" in (await house.http.get("/console/sign-in")).text
    assert (await house.signed_in()).status_code == 200
    assert await house.is_in()
    for password in ("", "seven quiet beans roast"):
        form = {"name": "bo", "password": password}
        assert (await house.http.post("/console/sign-in", data=form)).status_code in {401, 422}
    entries = (await house.console.operate("GET", "/v1/audit/console")).json()["entries"]
    assert sorted((each["action"], each["actor"]) for each in entries if each["action"] != "sign-in.failed") == [
        ("identity.bound", "bo"),
        ("invitation.made", "operator"),
        ("invitation.used", "bo"),
        ("session.opened", "bo"),
        ("session.opened", "bo"),
        ("user.added", "bo"),
    ]


async def test_an_account_is_one_user_and_no_name_or_mail_makes_it_another(house: House) -> None:
    stranger = await house.signed_in()
    assert (stranger.status_code, "Ask an owner of the shop for an invitation" in stranger.text) == (403, True)
    await house.joined()
    again = await house.joined("bo-again", merchant="bolt")
    assert (again.status_code, "is the user bo already" in again.text) == (403, True)
    assert (await house.users(), await house.users("bolt")) == (["bo"], [])
    house.http.cookies.clear()
    house.provider.claims = {"sub": "another", "email": "bo", "preferred_username": "bo", "email_verified": True}
    assert (await house.signed_in()).status_code == 403
    house.provider.claims = {}
    await house.console.operate("DELETE", "/console/users/bo")
    assert (await house.signed_in()).status_code == 403
    assert not await house.is_in()


async def test_of_several_answers_at_once_one_signs_in(house: House) -> None:
    await house.joined()
    house.http.cookies.clear()
    address = await house.begun()
    backs = [house.provider.authorize(address) for _ in range(3)]
    cookie = {"Cookie": f"followup_identity={house.http.cookies['followup_identity']}"}
    house.http.cookies.clear()
    answers = await asyncio.gather(*(house.http.get(back, headers=cookie) for back in backs))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403]
    kinds = [row["kind"] for row in await house.console.harness.rows(sessions.select())]
    assert kinds.count("session") == 2, "one of joining, one of this"


async def test_a_name_that_was_changed_in_the_cookie_is_checked_like_one_in_the_form(house: House) -> None:
    code, _ = await invited(house.console)
    address = await house.joining(code, "bo")
    kept = SignInAttempt.parsed(house.http.cookies["followup_identity"], house.console.clock.now())
    assert kept is not None
    for name in ("<b>bo</b>", "b\x1bo", "b" * 65, "", "user:bo"):
        changed = replace(kept, name=name)
        refused = await house.http.get(
            house.provider.authorize(address), headers={"Cookie": f"followup_identity={changed.encoded()}"}
        )
        assert (refused.status_code, "a-z, 0-9" in refused.text) == (403, True), name
    assert "bo" not in await house.users()


@once
async def test_an_invitation_that_ended_meanwhile_makes_nobody(house: House) -> None:
    code, number = await invited(house.console)
    back = house.provider.authorize(await house.joining(code, "bo"))
    await house.console.operate("DELETE", f"/console/invitations/{number}")
    refused = await house.http.get(back)
    assert (refused.status_code, "no longer good" in refused.text) == (403, True)
    code, _ = await invited(house.console)
    back = house.provider.authorize(await house.joining(code, "bo"))
    await join(house.console, (await invited(house.console))[0], "bo")
    taken = await house.http.get(
        back, headers={"Cookie": f"followup_identity={house.http.cookies['followup_identity']}"}
    )
    assert (taken.status_code, "a user bo already" in taken.text) == (403, True)
    for name, words in (("bo", "already"), ("no spaces", "a-z, 0-9")):
        form = await house.http.post("/console/join", data={"code": code, "name": name, "by": "identity"})
        assert (form.status_code in {409, 422}, words in form.text) == (True, True)


@once
async def test_an_answer_is_taken_only_in_the_browser_that_began_once_and_within_ten_minutes(house: House) -> None:
    await house.joined()
    house.http.cookies.clear()
    back = house.provider.authorize(await house.begun())
    kept = house.http.cookies["followup_identity"]
    house.http.cookies.clear()
    assert (await house.http.get(back)).status_code == 400
    await house.begun()
    assert (await house.http.get(back)).status_code == 400, "another browser's, with an attempt of its own"
    house.http.cookies.clear()
    own = {"Cookie": f"followup_identity={kept}"}
    asked = house.provider.asked("/token")
    assert (await house.http.get(back.replace("state=", "state=x"), headers=own)).status_code == 400
    assert house.provider.asked("/token") == asked, "no code of a stranger is handed on"
    done = await house.http.get(back, headers=own)
    assert done.status_code == 200
    assert any("followup_identity=" in each and "Max-Age=0" in each for each in done.headers.get_list("set-cookie"))
    again = await house.http.get(back, headers=own)
    assert (again.status_code, "good once" in again.text) == (401, True)
    late = house.provider.authorize(await house.begun())
    house.console.clock.advance(minutes=10)
    assert (await house.http.get(late)).status_code == 400


def unsigned(claims: Any) -> str:
    return jwt.encode(dict(claims), None, "none")  # type: ignore[arg-type] # without a key, as an attacker has none


def by_another_key(claims: Any) -> str:
    return jwt.encode(dict(claims), key("rsa-9"), "RS256", {"kid": "rsa-1"})  # type: ignore[arg-type] # an RSA key signs


def by_hmac(claims: Any) -> str:
    return jwt.encode(dict(claims), "a secret of at least 32 characters", "HS256", {"kid": "rsa-1"})


@once
async def test_a_token_that_proves_nothing_signs_nobody_in(house: House) -> None:
    await house.joined()
    house.http.cookies.clear()
    for claims in ({"aud": "another"}, {"iss": "https://evil.example"}, {"nonce": "replayed"}, {"exp": 1}):
        house.provider.claims = claims
        refused = await house.signed_in()
        assert (refused.status_code, "could not be checked" in refused.text) == (401, True), claims
        house.console.clock.advance(minutes=1)
    house.provider.claims = {}
    for forged in (unsigned, by_another_key, by_hmac):
        house.provider.token_of = forged
        assert (await house.signed_in()).status_code == 401, forged
    house.provider.token_of = None
    assert not await house.is_in()
    assert (await house.signed_in()).status_code == 200


@once
async def test_a_new_key_is_looked_for_once_and_a_flood_of_unknown_ones_once_a_minute(house: House) -> None:
    await house.joined()
    assert house.provider.asked("/keys") == 1
    house.provider.signs_with, house.provider.published = "ec-2", ["ec-2"]
    for _ in range(4):
        assert (await house.signed_in()).status_code == 401
    assert house.provider.asked("/keys") == 1, "known for less than a minute"
    house.console.clock.advance(minutes=5)
    assert (await house.signed_in()).status_code == 200
    assert house.provider.asked("/keys") == 2
    house.provider.signs_with = "rsa-7"
    for _ in range(4):
        assert (await house.signed_in()).status_code == 401
    assert house.provider.asked("/keys") == 2
    assert house.provider.asked("/.well-known/openid-configuration") == 1


@once
async def test_another_providers_answer_is_handed_to_nobody(house: House) -> None:
    house.provider.said = {"authorization_response_iss_parameter_supported": True}
    back = house.provider.authorize(await house.begun())
    for named in ("", "&iss=https://evil.example"):
        kept = house.http.cookies["followup_identity"]
        answer = await house.http.get(f"{back}{named}", headers={"Cookie": f"followup_identity={kept}"})
        assert answer.status_code == 401
        await house.begun()
        back = house.provider.authorize(await house.begun())
    assert house.provider.asked("/token") == 0
    assert (await house.http.get(f"{back}&iss={house.provider.issuer}")).status_code == 403, "nobody was invited"


@once
async def test_a_provider_that_is_down_or_says_odd_things_is_a_sentence_and_asked_seldom(house: House) -> None:
    house.provider.is_down = True
    for _ in range(5):
        answer = await house.http.get(IDENTITY)
        assert (answer.status_code, "cannot be asked now" in answer.text) == (502, True)
    assert house.provider.asked("/.well-known/openid-configuration") == 1
    house.provider.is_down = False
    for said in (
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": None},
        {"jwks_uri": "https://name@id.example/keys"},
        {"pad": "x" * 70_000},
    ):
        house.provider.said = said
        house.console.clock.advance(seconds=11)
        assert (await house.http.get(IDENTITY)).status_code == 502, said
    house.provider.said = {}
    house.console.clock.advance(seconds=11)
    refused = await house.http.get(f"{house.provider.authorize(await house.begun())}&error=access_denied")
    assert (refused.status_code, "did not sign you in" in refused.text) == (401, True)
    back = house.provider.authorize(await house.begun())
    house.provider.is_down = True
    assert (await house.http.get(back)).status_code == 502


@once
async def test_answers_that_prove_nothing_are_braked_by_address(house: House) -> None:
    for _ in range(10):
        house.provider.authorize(await house.begun())
        state = (await house.begun()).split("state=")[1].split("&")[0]
        assert (await house.http.get(f"{IDENTITY}/callback?code=guess&state={state}")).status_code == 401
    asked = house.provider.asked("/token")
    braked = await house.signed_in()
    assert (braked.status_code, braked.headers["retry-after"]) == (429, "61")
    assert house.provider.asked("/token") == asked


@once
async def test_by_https_no_other_host_sets_the_cookie_and_other_sites_begin_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reached_at("https://shop.test", tmp_path, monkeypatch) as house:
        answer = await house.http.get(IDENTITY)
        assert "redirect_uri=https%3A%2F%2Fshop.test%2Fconsole%2Fidentity%2Fcallback&" in answer.headers["location"]
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-followup_identity=")
        assert all(part in cookie for part in ("Secure", "HttpOnly", "Path=/;", "SameSite=lax", "Max-Age=600"))
        other = await house.http.get(IDENTITY, headers={"Sec-Fetch-Site": "cross-site"})
        assert other.status_code == 403


@once
async def test_the_provider_is_no_way_around_a_second_step(house: House) -> None:
    await house.joined()
    app, setup = shown((await house.http.get(STEPS)).text)
    code = app.at(house.console.clock.now())
    assert (await send_steps(house.console, "two-steps", setup=setup, code=code)).status_code == 200
    house.console.clock.advance(seconds=30)
    house.http.cookies.clear()
    asked = await house.signed_in()
    assert (asked.status_code, "Second step" in asked.text, await house.is_in()) == (200, True, False)
    again = await house.http.post("/console/sign-in/code", data={"code": app.at(house.console.clock.now())})
    assert (again.status_code, await house.is_in()) == (303, True)


@once
async def test_what_was_typed_before_a_session_ended_is_shown_after_signing_in_in_another_tab(house: House) -> None:
    await house.joined()
    form = {"form_token": "0" * 64, "current": "what I typed", "reason": "because"}
    cookie = house.http.cookies.pop("followup_console")
    ended = await house.http.post("/console/settings/password", data=form)
    typed = re.search(r'name="typed" type="hidden" value="([^"]+)"', ended.text)
    assert (ended.status_code, 'target="_blank"' in ended.text, typed is not None) == (401, True, True)
    kept = {"typed": unescape(typed[1] if typed else "")}
    assert (await house.http.post("/console/sign-in", data=kept)).status_code == 422
    shown = await house.http.post("/console/sign-in", data=kept, headers={"Cookie": f"followup_console={cookie}"})
    assert (shown.status_code, "because" in shown.text) == (200, True)


@once
async def test_without_a_provider_nothing_of_it_is_there(console: Console) -> None:
    assert (await console.http.get(IDENTITY)).status_code == 404
    assert "identity" not in (await console.http.get("/console/sign-in")).text


@once
async def test_doctor_asks_the_provider_before_the_first_person_does(house: House, tmp_path: Path) -> None:
    settings = ProcessSettings(data_dir=tmp_path / "data", merchants_dir=tmp_path / "no-shops")
    said = []
    for is_down in (False, True):
        house.provider.is_down = is_down
        said += [each.message async for each in findings(settings) if each.subject == "identity provider"]
    assert "answers" in said[0]
    assert "answered 503" in said[1]


def test_settings_that_cannot_work_are_told_at_the_start(tmp_path: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"issuer": "login.example.com"}, "https://login.example.com"),
        ({"issuer": "https://a.example?b=c"}, "issuer"),
    ]
    for given, words in wrong:
        with pytest.raises(ConfigurationFault, match=words):
            IdentitySettings(**given)
    with pytest.raises(ConfigurationFault, match="CLIENT_ID"):
        IdentitySettings(issuer="https://a.example").secret()
    with pytest.raises(ConfigurationFault, match="CLIENT_SECRET_FILE"):
        IdentitySettings(issuer="https://a.example", client_id="a", client_secret_file=tmp_path / "none").secret()
    assert IdentitySettings(issuer="https://a.example/x").shown_name == "a.example"
