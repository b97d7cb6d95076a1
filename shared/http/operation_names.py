"""The name of each operation in the OpenAPI document, which generated clients make a method of.

One rule makes them from method and path: `GET /v1/follow-ups` is `list_follow_ups`, `GET /v1/flows/{flow}/versions` is
`list_flow_versions`, `POST /v1/quarantine/redrive` is `redrive_quarantine`. Where it reads badly the name is in
`NAMED`. A name that was released stays: programs call it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from shared.vocabulary.service_names import SERVICES

VERBS: Final = frozenset(
    {"search", "revoke", "assign", "close", "review", "release", "resolve", "redrive", "discard", "dismiss"}
    | {"test", "start", "save", "verify", "reveal", "cancel", "check"}
)
"""Last parts of a path that say what is done; others are things."""
NAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "POST /v1/follow-ups": "enqueue_follow_up",
        "DELETE /v1/follow-ups/{follow_up_id}": "cancel_follow_up",
        "GET /v1/follow-ups/{follow_up_id}/preview": "preview_follow_up",
        "POST /v1/events": "report_events",
        "POST /v1/webhooks/{source}/{merchant}": "receive_webhook",
        "POST /v1/providers/{provider}/{merchant}/replies": "receive_reply",
        "GET /r/{code}": "follow_short_link",
        "POST /v1/flows/{flow}/file": "save_flow_file",
        "POST /v1/consents": "record_consent",
        "POST /v1/standings/{recipient_id}/consent": "record_witnessed_consent",
        "POST /v1/consents/revoke": "record_withdrawal",
        "POST /v1/consents/imports": "import_consents",
        "GET /v1/consents/verification": "verify_consents",
        "POST /v1/recipients/lookup": "look_up_recipient",
        "POST /v1/recipients/standing": "look_up_standing",
        "POST /v1/recipients/preference-links/revoke": "revoke_preference_links_by_number",
        "POST /v1/standings/{recipient_id}/preference-links/revoke": "revoke_preference_links",
        "POST /v1/standings/{recipient_id}/opt-out": "opt_out_person",
        "POST /v1/erasures": "erase_person_by_number",
        "POST /v1/standings/{recipient_id}/erasure": "erase_person",
        "POST /v1/exports": "export_person_by_number",
        "POST /v1/standings/{recipient_id}/export": "export_person",
        "POST /v1/gate/evaluations": "ask_gate",
        "GET /v1/decisions/{follow_up_id}": "list_decisions",
        "GET /v1/conversations/counts": "count_conversations",
        "POST /v1/conversations/{recipient_id}/read": "mark_conversation_read",
        "POST /v1/conversations/{recipient_id}/review": "decide_unclear_reply",
        "GET /v1/replies/unassigned": "list_unassigned_replies",
        "POST /v1/replies/unassigned/{reply_id}/assign": "assign_reply",
        "POST /v1/replies/unassigned/{reply_id}/dismiss": "dismiss_reply",
        "GET /v1/dispatches/unknown": "list_unknown_texts",
        "POST /v1/dispatches/{follow_up_id}/resolve": "resolve_unknown_text",
        "GET /v1/quarantine": "list_quarantine",
        "POST /v1/controls": "pause_stop_or_resume",
        "POST /v1/approvals/{approval_id}/answer": "answer_as_second_person",
        "POST /console/codes": "create_sign_in_code",
        "POST /console/users": "add_console_user",
        "DELETE /console/users/{name}": "remove_console_user",
        "POST /console/users/{name}/password": "set_console_password",
        "GET /healthz": "is_alive",
        "GET /readyz": "is_ready",
        "GET /metrics": "get_prometheus_metrics",
    }
)
"""Names that the rule would not give, by method and path."""
_OF_EACH_SERVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        f"{method} /v1/{path.format(service=service)}": name.format(service=service)
        for service in sorted(SERVICES)
        for method, path, name in (
            ("GET", "audit/{service}", "list_{service}_audit"),
            ("GET", "audit/{service}/days", "list_{service}_audit_days"),
            ("GET", "audit/{service}/days/{{day}}", "get_{service}_audit_day"),
            ("GET", "parked/{service}", "list_{service}_parked_events"),
            ("POST", "parked/{service}/redrive", "redrive_{service}_parked_events"),
            ("POST", "parked/{service}/discard", "discard_{service}_parked_events"),
        )
    }
)
"""Names of what each service has for itself."""
_BY_METHOD: Final = {"GET": "get", "POST": "create", "PUT": "replace", "PATCH": "change", "DELETE": "delete"}


def operation_name(method: str, path: str) -> str:
    """Return the name of an operation, by the rule or, where it has one, its own."""
    route = f"{method} {path}"
    return NAMED.get(route) or _OF_EACH_SERVICE.get(route) or by_rule(method, path)


def by_rule(method: str, path: str) -> str:
    """Return verb and things; a thing is one where an id follows it, or where one is made."""
    parts = [part for part in path.split("/") if part and part != "v1"]
    verb, last = _BY_METHOD.get(method, method.lower()), parts[-1] if parts else ""
    if method == "GET" and last.endswith("s"):
        verb = "list"
    elif method != "GET" and last in VERBS:
        verb = parts.pop()
    things = [
        _one(part) if followed_by.startswith("{") or (verb == "create" and not followed_by) else part
        for part, followed_by in zip(parts, [*parts[1:], ""], strict=True)
        if not part.startswith("{")
    ]
    return "_".join([verb, *things]).replace("-", "_")


def _one(things: str) -> str:
    """Return the singular of a word of our paths."""
    for ending, singular in (("ies", "y"), ("ches", "ch"), ("ss", "ss"), ("s", "")):
        if things.endswith(ending):
            return things.removesuffix(ending) + singular
    return things
