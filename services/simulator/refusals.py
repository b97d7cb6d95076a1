"""Why the provider says no, in Twilio's codes and error bodies."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """One error answer."""

    http_status: int
    code: int
    message: str

    def as_json(self) -> dict[str, object]:
        """Return the body Twilio would answer with."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.http_status,
        }


class KnownRefusal(Enum):
    """The refusals that this provider makes; their messages contain no number."""

    NOT_AUTHENTICATED = ErrorAnswer(401, 20003, "Authenticate")
    NOT_FOUND = ErrorAnswer(404, 20404, "The requested resource was not found")
    TOO_MANY = ErrorAnswer(429, 20429, "Too Many Requests")
    INTERNAL = ErrorAnswer(500, 20500, "Internal Server Error")
    UNAVAILABLE = ErrorAnswer(503, 20503, "Service Unavailable")
    NO_SCHEDULING = ErrorAnswer(400, 20001, "This provider is simulated and does not schedule")
    TO_INVALID = ErrorAnswer(400, 21211, "Invalid 'To' Phone Number")
    FROM_INVALID = ErrorAnswer(400, 21212, "Invalid 'From' Phone Number")
    REGION_NOT_ENABLED = ErrorAnswer(400, 21408, "Permission to send an SMS has not been enabled for the region")
    NO_BODY = ErrorAnswer(400, 21602, "Message body is required")
    NO_FROM = ErrorAnswer(400, 21603, "A 'From' phone number is required")
    NO_TO = ErrorAnswer(400, 21604, "A 'To' phone number is required")
    FROM_NOT_OWNED = ErrorAnswer(400, 21606, "The 'From' phone number provided is not owned by this account")
    CALLBACK_INVALID = ErrorAnswer(400, 21609, "The 'StatusCallback' URL is not a valid URL")
    OPTED_OUT = ErrorAnswer(400, 21610, "Attempt to send to unsubscribed recipient")
    QUEUE_FULL = ErrorAnswer(429, 21611, "This 'From' number has exceeded the maximum number of queued messages")
    NO_ROUTE = ErrorAnswer(400, 21612, "The 'To' phone number is not currently reachable via SMS")
    NOT_MOBILE = ErrorAnswer(400, 21614, "'To' number is not a valid mobile number")
    TOO_LONG = ErrorAnswer(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    VALIDITY_INVALID = ErrorAnswer(400, 21624, "Invalid validity period value")
    NO_SENDER = ErrorAnswer(400, 21703, "The Messaging Service does not have a phone number available")


# Source: https://www.twilio.com/docs/iam/test-credentials
MAGIC_FROM: Final = {
    "+15005550001": KnownRefusal.FROM_INVALID,
    "+15005550007": KnownRefusal.FROM_NOT_OWNED,
    "+15005550008": KnownRefusal.QUEUE_FULL,
}
MAGIC_TO: Final = {
    "+15005550001": KnownRefusal.TO_INVALID,
    "+15005550002": KnownRefusal.NO_ROUTE,
    "+15005550003": KnownRefusal.REGION_NOT_ENABLED,
    "+15005550004": KnownRefusal.OPTED_OUT,
    "+15005550009": KnownRefusal.NOT_MOBILE,
}
MAGIC_FROM_ACCEPTED: Final = "+15005550006"
