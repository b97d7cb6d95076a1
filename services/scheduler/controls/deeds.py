"""What somebody did to a control, as audit logs have it."""

from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.controls import EVERY_MERCHANT, Control


def deed_of(control: Control, action: AuditAction, reason: str) -> Deed:
    """Return what was done; of what the scope names, the names of the fields alone."""
    scope = control.scope
    given = {
        "everything": scope.merchant_id == EVERY_MERCHANT or None,
        "flow": scope.flow,
        "step": scope.step,
        "number": scope.number,
        "provider": scope.provider,
        "recipient": scope.recipient_id,
        "until": control.until if action is not AuditAction.CONTROL_LIFTED else None,
    }
    return Deed(
        scope.merchant_id,
        action,
        AuditSubject(AuditSubjectKind.CONTROL, str(control.id)),
        recipient_id=scope.recipient_id,
        fields=tuple(name for name, value in given.items() if value is not None),
        reason=reason,
    )
