"""Idempotency keys: the same key and body get the same answer; the same key with another body is a 409."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from shared.db.system_tables import SystemTables
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Overtaken
from shared.http.problems import HTTPProblem, unprocessable
from shared.ids import MerchantId

HEADER = "Idempotency-Key"
KEY_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Keyed:
    """A keyed request, reduced to the hashes that are stored, so that a key may hold anything."""

    merchant_id: MerchantId
    key_sha256: bytes
    request_sha256: bytes
    """Keyed with the keyring's hash key: without it no guess at a request can be tested."""
    unkeyed_sha256: bytes
    """As earlier versions stored it."""

    @classmethod
    def of(
        cls, merchant: MerchantId, key: str | None, path: str, body: Any, hashed: Callable[[str], bytes]
    ) -> "Keyed | None":
        """Return the request's key, or None where it has none; each path has its own keys.

        The body is parsed JSON; `hashed` is `Sealer.keyed_hash`.

        Raises:
            HTTPProblem: 422 for an empty or overlong key.
        """
        if key is None:
            return None
        if not 0 < len(key) <= KEY_CHARACTERS:
            raise unprocessable(HEADER, f"must have 1 to {KEY_CHARACTERS} characters")
        unkeyed = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
        return cls(
            merchant,
            hashlib.sha256(f"{path}\x1f{key}".encode()).digest(),
            hashed(f"request\x1f{merchant}\x1f{unkeyed.hex()}"),
            unkeyed,
        )


async def answered(
    transaction: Transaction, system_tables: SystemTables, keyed: Keyed | None
) -> tuple[int, Any] | None:
    """Return the status and answer given to this request before, or None for a new one.

    Raises:
        HTTPProblem: 409 when the key was used with another body.
    """
    if keyed is None:
        return None
    key = {"merchant_id": keyed.merchant_id, "key_sha256": keyed.key_sha256}
    stored = await transaction.fetch_keys(system_tables.idempotency_keys, [key])
    if not stored:
        return None
    if bytes(stored[0]["request_sha256"]) not in {keyed.request_sha256, keyed.unkeyed_sha256}:
        raise HTTPProblem(
            HTTPStatus.CONFLICT,
            "idempotency_conflict",
            "this Idempotency-Key was used with another body; use a new key for a new request",
        )
    return int(stored[0]["status"]), stored[0]["answer"]


async def remember(uow: UnitOfWork, system_tables: SystemTables, keyed: Keyed | None, status: int, answer: Any) -> None:
    """Store the answer in the unit of work that produced it.

    Raises:
        Overtaken: the same request was answered at the same moment; the unit is run again and finds that answer.
    """
    if keyed is not None:
        row = {
            "merchant_id": keyed.merchant_id,
            "key_sha256": keyed.key_sha256,
            "request_sha256": keyed.request_sha256,
            "status": status,
            "answer": answer,
            "created_at": uow.now,
        }
        if await uow.db.insert_new(system_tables.idempotency_keys, [row]) == [False]:
            raise Overtaken
