"""Check an exported ledger or audit log without the engine: every chain, every daily root, every signature.

This file needs nothing but Python 3.11 and its standard library, so that an auditor can read it and run it alone:
`python verify_ledger.py acme.ledger PUBLIC_KEY`. The formats are described in docs/how-to/ledger.md and audit.md.
"""

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

FORMAT, AUDIT_FORMAT, GENESIS = "followup-ledger/1", "followup-audit/1", "0" * 64

# Ed25519 as RFC 8032 section 5.1 has it, points in extended coordinates; verification only, so no secret can leak.
_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_KEY_BYTES, _SIGNATURE_BYTES = 32, 64
Point: TypeAlias = tuple[int, int, int, int]


def _sum(a: Point, b: Point) -> Point:
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    o, p = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = n - m, p - o, p + o, n + m
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while number:
        total = _sum(total, point) if number & 1 else total
        point, number = _sum(point, point), number >> 1
    return total


def _point(packed: bytes) -> Point:
    sign, y = int.from_bytes(packed, "little") >> 255, int.from_bytes(packed, "little") & (2**255 - 1)
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    root = pow(square, (_P + 3) // 8, _P)
    x = root if (root * root - square) % _P == 0 else root * pow(2, (_P - 1) // 4, _P) % _P
    if len(packed) != _KEY_BYTES or y >= _P or (x * x - square) % _P or (x == 0 and sign):
        raise ValueError("not a point of the curve")
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


_BASE = _point(bytes.fromhex("58" + "66" * 31))


def is_signed(root: str, signature: str, public_key: str, of: str = "ledger") -> bool:
    """Return whether the holder of a key signed a root of the ledger, or `of` an audit log."""
    try:
        blob, key = bytes.fromhex(signature), bytes.fromhex(public_key)
        first, owner, scalar = _point(blob[:_KEY_BYTES]), _point(key), int.from_bytes(blob[_KEY_BYTES:], "little")
    except ValueError:
        return False
    digest = hashlib.sha512(blob[:_KEY_BYTES] + key + f"followup {of} root\n{root}".encode()).digest()
    left, right = _times(scalar, _BASE), _sum(first, _times(int.from_bytes(digest, "little") % _ORDER, owner))
    same = all((left[axis] * right[2] - right[axis] * left[2]) % _P == 0 for axis in (0, 1))
    return len(blob) == _SIGNATURE_BYTES and scalar < _ORDER and same


class Verifier:
    """Takes the lines of an export one after the other and collects every problem."""

    form = FORMAT

    def __init__(self, trusted_keys: frozenset[str] = frozenset()) -> None:
        self.problems: list[str] = []
        self.counts = {"person": 0, "entry": 0, "root": 0}
        self.keys: set[str] = set()
        self._trusted, self._is_complete = trusted_keys, False
        self._merchant, self._person, self._position = "", "", 0
        self._chain = self._head = self._newest_root = GENESIS
        self._newest_day, self._days = "", dict[str, dict[str, str]]()

    @property
    def unsigned_days(self) -> list[str]:
        """Return the days with entries and without a root that lie after the last signed one."""
        return sorted(day for day in self._days if day > self._newest_day)

    def feed(self, line: str) -> None:
        """Check one line."""
        try:
            row = json.loads(line)
            if row["kind"] == "header":
                self._merchant = row["merchant"] if row["format"] == self.form else ""
            else:
                self._take(row["kind"], row)
                self.counts[row["kind"]] = self.counts.get(row["kind"], 0) + 1
        except (ValueError, KeyError, TypeError, AttributeError):
            self.problems.append(f"a line that is not of the format {self.form}, after {self.counts['entry']} entries")

    def _take(self, kind: str, row: dict[str, Any]) -> None:
        {"person": self._begin, "entry": self._link, "root": self._seal, "end": self._end}[kind](row)

    def finish(self) -> list[str]:
        """Return every problem."""
        bare = sorted(self._days.keys() - self.unsigned_days)
        self.problems += [f"{day}: there are entries, and no root that covers them" for day in bare]
        self.problems += [] if self._is_complete else ["the end of the file is missing, or miscounts"]
        return self.problems

    def _begin(self, row: dict[str, Any] | None) -> None:
        if self._chain != self._head:
            self.problems.append(f"person {self._person}: the chain does not end where the ledger says")
        self._chain = self._head = GENESIS
        if row is not None:
            self._person, self._head, self._position = row["recipient"], row["head"], 0

    def _link(self, row: dict[str, Any]) -> None:
        content = json.loads(row["canonical"])
        chain = hashlib.sha256(f"{self._chain}\n{row['canonical']}".encode()).hexdigest()
        stated = (row["hash"], row["position"], content["recipient_id"], content["merchant_id"])
        if stated != (chain, self._position, self._person, self._merchant):
            self.problems.append(f"person {self._person}: entry {row['position']} does not follow from the one before")
        self._chain, self._position = row["hash"], self._position + 1
        day = datetime.fromtimestamp(content["recorded_at"] // 1_000_000, UTC).date().isoformat()
        self._days.setdefault(day, {})[self._person] = row["hash"]

    def _seal(self, row: dict[str, Any]) -> None:
        self._begin(None)
        day, key, heads = row["day"], row["public_key"], self._days.pop(row["day"], {})
        claim = {"day": day, "heads": heads, "merchant": self._merchant, "previous": self._newest_root}
        text = json.dumps(claim, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        if hashlib.sha256(text.encode()).hexdigest() != row["root"] or day <= self._newest_day:
            self.problems.append(f"{day}: the root is not that of the day's entries and of the root before")
        if not is_signed(row["root"], row["signature"], key) or key not in (self._trusted or {key}):
            self.problems.append(f"{day}: the root is not signed by a key you trust")
        self.keys.add(key)
        self._newest_root, self._newest_day = row["root"], day

    def _end(self, row: dict[str, Any]) -> None:
        self._begin(None)
        self._is_complete = all(row[kind] == count for kind, count in self.counts.items())


class AuditVerifier(Verifier):
    """Checks the audit logs of one merchant: one chain a service and UTC day, and one root a day."""

    form = AUDIT_FORMAT

    def __init__(self, trusted_keys: frozenset[str] = frozenset()) -> None:
        super().__init__(trusted_keys)
        self.counts = {"service": 0, "day": 0, "entry": 0, "root": 0}
        self._service = self._kept_since = self._day = ""
        self._unsigned: list[str] = []
        self._expected = 0

    @property
    def unsigned_days(self) -> list[str]:
        """Return the days, with their service, that have no root yet."""
        return self._unsigned

    def finish(self) -> list[str]:
        """Return every problem."""
        self._close()
        self.problems += [] if self._is_complete else ["the end of the file is missing, or miscounts"]
        return self.problems

    def _take(self, kind: str, row: dict[str, Any]) -> None:
        {"service": self._open, "day": self._turn, "entry": self._link, "root": self._seal, "end": self._end}[kind](row)

    def _open(self, row: dict[str, Any]) -> None:
        self._close()
        self._service, self._kept_since = row["service"], row["kept_since"]
        self._newest_root, self._newest_day = GENESIS, ""

    def _turn(self, row: dict[str, Any]) -> None:
        self._close()
        if row["day"] <= self._newest_day:
            self.problems.append(f"{self._service}, {row['day']}: the days are not in order")
        self._day, self._head, self._expected = row["day"], row["head"], row["entries"]
        self._unsigned.append(f"{self._service}, {self._day}")

    def _close(self) -> None:
        """Check that a day has the entries it says, unless it is so old that only its root is kept."""
        is_kept = self._day >= self._kept_since
        if self._day and is_kept and (self._chain, self._position) != (self._head, self._expected):
            self.problems.append(f"{self._service}, {self._day}: entries are missing or changed")
        if self._day:
            self._newest_day = self._day
        self._chain, self._position, self._day = GENESIS, 0, ""

    def _link(self, row: dict[str, Any]) -> None:
        content = json.loads(row["canonical"])
        chain = hashlib.sha256(f"{self._chain}\n{row['canonical']}".encode()).hexdigest()
        at = datetime.fromtimestamp(content["at"] // 1_000_000, UTC).date().isoformat()
        stated = (row["hash"], row["position"], content["service"], content["merchant"], content["day"], at)
        if stated != (chain, self._position, self._service, self._merchant, self._day, self._day):
            where = f"{self._service}, {self._day}"
            self.problems.append(f"{where}: entry {row['position']} does not follow from the one before")
        self._chain, self._position = row["hash"], self._position + 1

    def _seal(self, row: dict[str, Any]) -> None:
        day, key = self._day, row["public_key"]
        heads = {self._service: self._head}
        claim = {"day": day, "heads": heads, "merchant": self._merchant, "previous": self._newest_root}
        text = json.dumps(claim, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        if hashlib.sha256(text.encode()).hexdigest() != row["root"]:
            self.problems.append(f"{self._service}, {day}: the root is not that of the day and of the root before")
        if not is_signed(row["root"], row["signature"], key, "audit") or key not in (self._trusted or {key}):
            self.problems.append(f"{self._service}, {day}: the root is not signed by a key you trust")
        self.keys.add(key)
        self._unsigned.pop()
        self._newest_root = row["root"]

    def _end(self, row: dict[str, Any]) -> None:
        self._close()
        self._is_complete = all(row[kind] == count for kind, count in self.counts.items())


def verifier_of(header: str, trusted_keys: frozenset[str] = frozenset()) -> Verifier:
    """Return the verifier of what a file's first line says it is."""
    return AuditVerifier(trusted_keys) if f'"{AUDIT_FORMAT}"' in header else Verifier(trusted_keys)


def main(arguments: list[str]) -> int:
    """Check the file named first, signed by the keys named after it; return 0 when there is no problem."""
    with Path(arguments[0]).open(encoding="utf-8", newline="\n") as lines:
        first = lines.readline()
        verifier = verifier_of(first, frozenset(arguments[1:]))
        verifier.feed(first)
        for line in lines:
            verifier.feed(line)
    found = [*(f"BROKEN {each}" for each in verifier.finish()), *(f"signed by {key}" for key in sorted(verifier.keys))]
    sys.stdout.write("\n".join([*found, f"{verifier.counts}; not signed yet: {verifier.unsigned_days}", ""]))
    return 1 if verifier.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
