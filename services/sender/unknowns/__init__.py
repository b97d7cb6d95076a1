"""Unknown texts: what is known about calls without an answer, and what somebody who looked says became of them."""
