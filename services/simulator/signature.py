"""Twilio's request signature, computed from its published description and not with Twilio's library."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

HEADER = "X-Twilio-Signature"


def sign(url: str, form: Mapping[str, str], auth_token: str) -> str:
    """Return base64(HMAC-SHA1(token, URL followed by every field name and value, sorted by name)).

    Args:
        url: exactly as called, query included; a fragment is no part of it.
        form: the fields that are posted; empty values count.
        auth_token: the account's primary token.

    Source: https://www.twilio.com/docs/usage/security#validating-requests
    """
    signed = url.partition("#")[0] + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
