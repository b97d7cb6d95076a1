from tests.integration.simulator.driver import PHONE, SHOP_NUMBER, SimulatorDriver


async def test_the_phone_page_shows_the_conversation_with_tappable_links_and_nothing_unescaped(
    driver: SimulatorDriver,
) -> None:
    await driver.post(Body="<script>alert(1)</script> see https://acme.example/r/7?a=1&b=2.")
    await driver.reply("Merci & <b>bye</b>")
    async with driver.http.get(f"/simulator/phones/{PHONE}") as answer:
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    assert answer.status == 200
    assert "<script>alert(1)" not in page
    assert (
        '<a href="https://acme.example/r/7?a=1&amp;b=2" rel="noreferrer" target="_blank">https://acme.example/r/7?a=1'
        in page
    )
    assert "Merci &amp; &lt;b&gt;bye&lt;/b&gt;" in page
    assert "default-src 'none'" in policy
    assert not [line for line in page.splitlines() if 'src="http' in line or "@import" in line]


async def test_the_phone_page_answers_304_until_something_changes(driver: SimulatorDriver) -> None:
    path = f"/simulator/phones/{PHONE}"
    async with driver.http.get(path) as first:
        etag = first.headers["ETag"]
    async with driver.http.get(path, headers={"If-None-Match": etag}) as again:
        assert again.status == 304
    await driver.post()
    async with driver.http.get(path, headers={"If-None-Match": etag}) as changed:
        assert changed.status == 200


async def test_a_reply_typed_without_javascript_leads_back_to_the_phone(driver: SimulatorDriver) -> None:
    await driver.post()
    path = f"/simulator/phones/{PHONE}/replies"
    async with driver.http.post(path, data={"text": "YES"}, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == f"/simulator/phones/{PHONE}"
    await driver.shop.until(lambda: any(call.form.get("Body") == "YES" for call in driver.shop.calls))


async def test_another_site_cannot_type_on_a_phone(driver: SimulatorDriver) -> None:
    await driver.post()
    path = f"/simulator/phones/{PHONE}/replies"
    async with driver.http.post(path, data={"text": "YES"}, headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert answer.status == 403
    assert len(await driver.statuses()) == 1


async def test_phones_are_listed_by_their_newest_text(driver: SimulatorDriver) -> None:
    for to in (PHONE, "+13125550111", "+447700900123"):
        await driver.post(To=to)
    await driver.reply("I am back")
    phones = (await driver.get("/simulator/phones"))["phones"]
    assert [phone["number"] for phone in phones] == [PHONE, "+447700900123", "+13125550111"]
    assert phones[0]["latest"]["body"] == "I am back"
    async with driver.http.get("/simulator") as answer:
        page = await answer.text()
    assert page.index(f"/simulator/phones/{PHONE}") < page.index("/simulator/phones/+13125550111")


async def test_a_number_typed_in_any_form_opens_its_phone(driver: SimulatorDriver) -> None:
    async with driver.http.get("/simulator", params={"number": "+1 (202) 555-0123"}, allow_redirects=False) as answer:
        assert answer.headers["Location"] == f"/simulator/phones/{PHONE}"


async def test_the_phone_switched_off_on_its_page_is_switched_on_there_again(driver: SimulatorDriver) -> None:
    path = f"/simulator/phones/{PHONE}"
    async with driver.http.post(f"{path}/hold", data={"before": "delivered"}) as page:
        assert "Switch the phone on" in await page.text()
    assert (await driver.get(f"{path}.json"))["hold"] == {"before": "delivered", "until": None}
    async with driver.http.post(f"{path}/hold", data={"seconds": "0"}) as page:
        assert "Switch the phone off" in await page.text()


async def test_health_counts_what_was_accepted(driver: SimulatorDriver) -> None:
    await driver.post()
    await driver.reply("Hi", to=SHOP_NUMBER)
    health = await driver.get("/simulator/health")
    assert (health["status"], health["accepted"]) == ("ok", 1)
