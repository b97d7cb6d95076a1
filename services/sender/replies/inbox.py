"""One reply, whether its provider brought it or was asked for it: laid to somebody's account, or set aside."""

from services.sender.providers.admission import Admitted
from services.sender.replies.recording import Replies
from shared import phone


async def take_in(replies: Replies, admitted: Admitted) -> bool:
    """Take a reply in, and return whether it was written to a number of ours.

    Raises:
        DatabaseUnavailable: nothing was stored; it must be brought again.
    """
    inbound = admitted.inbound()
    sender = phone.heard(inbound.sender, admitted.merchant.config.country) if inbound else None
    known = sender if isinstance(sender, str) else None
    if not admitted.is_ours(is_reply=True):
        # Kept all the same: a number may have left the file while people still write to it.
        await replies.set_aside(admitted, inbound, known, "not_our_number")
        return False
    if inbound is None:
        await replies.set_aside(admitted, None, None, "incomplete")
    elif known is None:
        await replies.set_aside(admitted, inbound, None, "sender_unknown")
    else:
        await replies.take(admitted.merchant, known, inbound)
    return True
