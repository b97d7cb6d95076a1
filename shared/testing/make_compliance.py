"""What compliance reads in tests: a merchant's folder, claims, due follow-ups and what became of texts."""

from datetime import datetime
from pathlib import Path
from typing import Any

from shared import aad, ids
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope
from shared.events.follow_up import Content, FollowUpDue, Purpose
from shared.events.trigger import Contact
from shared.http.auth import key_sha256
from shared.ids import EventId, FollowUpId, MerchantId, RecipientId
from shared.phone import E164
from shared.privacy import Sealer
from shared.testing import make
from shared.testing.clock import START

MERCHANT = MerchantId(make.MERCHANT)
PHONE = E164("+12125550123")
"""A New Yorker: Eastern time, and a state with no hours of its own."""

_MERCHANT = """\
merchant: {name}
brand: Acme Coffee
country: US
policies: {{close_guard_seconds: 60, caps: {{informational: [{{max: 1, per_hours: 2}}]}}{limits}}}
api_keys:
  - {{id: all, sha256: "{all}", scopes: ["consents:write", "consents:read", "rights:write",
      "rights:read", "decisions:read", "gate:read", "holds:read", "holds:write"]}}
  - {{id: none, sha256: "{none}", scopes: ["metrics:read"]}}
"""


def api_key(merchant: str = MERCHANT, kind: str = "all") -> str:
    """Return a key of a merchant in `merchants_folder`: of kind ``all``, or ``none`` without any scope."""
    return f"fu_made_up_{merchant}_{kind}"


def merchants_folder(folder: Path, *names: str, limits: str = "") -> Path:
    """Write merchants, each with the keys above and these limits; by default only `MERCHANT`."""
    for name in names or (MERCHANT,):
        own = folder / "merchants" / name
        own.mkdir(parents=True)
        keys = {kind: key_sha256(api_key(name, kind)) for kind in ("all", "none")}
        (own / "merchant.yaml").write_text(
            _MERCHANT.format(name=name, limits=limits and f", {limits}", **keys), encoding="utf-8"
        )
    return folder / "merchants"


def follow_up(name: str) -> FollowUpId:
    """Return the id of a follow-up by a name."""
    return FollowUpId(ids.derived("follow-up", name, at=START))


def claim(sealer: Sealer, act: ConsentAct = ConsentAct.GRANTED, phone: str = PHONE, **changes: Any) -> ConsentReported:
    """Return a claim, by default written consent to marketing; different claims have different ids."""
    fields = {"scope": ConsentScope.MARKETING, "captured_at": START, "occurred_at": START, **changes}
    merchant = fields.get("merchant_id", MERCHANT)
    parts = (phone, act, *(f"{name}={value!r}" for name, value in sorted(fields.items())))
    fields.setdefault("event_id", EventId(ids.derived("consent.reported", *parts, at=START)))
    return make.event(ConsentReported, act=act, recipient_id=sealer.recipient_id(merchant, E164(phone)), **fields)


def due(
    sealer: Sealer,
    at: datetime,
    name: str = "thanks",
    *,
    phone: str = PHONE,
    contact: Contact | None = None,
    **changes: Any,
) -> FollowUpDue:
    """Return a due marketing text to a phone; `name` makes it another follow-up."""
    merchant = changes.get("merchant_id", MERCHANT)
    release = changes.get("release", 1)
    key = follow_up(name)
    person = changes.get("recipient_id", recipient(sealer, phone, merchant))
    sealed = sealer.seal(merchant, aad.contact(person), (contact or Contact(phone=phone)).model_dump_json().encode())
    fields: dict[str, Any] = {
        "event_id": EventId(ids.derived("follow-up.due", key, release, at=at)),
        "recipient_id": person,
        "follow_up_id": key,
        "purpose": Purpose.MARKETING,
        "occurred_at": at,
        "first_due_at": at,
        "due_at": at,
        "content": Content(body=b"sealed body", locale="en", contact=sealed, facts=b"sealed facts"),
    }
    return make.event(FollowUpDue, **{**fields, **changes})


def recipient(sealer: Sealer, phone: str = PHONE, merchant: str = MERCHANT) -> RecipientId:
    """Return who a phone is to a merchant."""
    return sealer.recipient_id(MerchantId(merchant), E164(phone))
