"""Flow versions of runs: of flows in force, and the terms of every version that ever began."""

from collections.abc import Iterable, Mapping

from services.scheduler.runs import store
from services.scheduler.runs.enrolment import Terms, terms_of
from services.scheduler.runs.plan import Version
from shared.config.flow import Flow
from shared.db.transaction import Transaction

_MOST_CACHED = 4096
_NO_TERMS = Terms()


class Versions:
    """Caches flow versions and their terms; a version never changes."""

    def __init__(self) -> None:
        self._of_flows: dict[int, tuple[Flow, Version]] = {}
        self._terms: dict[str, Terms] = {}

    def of(self, flow: Flow) -> Version:
        """Return the version of a flow in force."""
        known = self._of_flows.get(id(flow))
        if known is None:
            if len(self._of_flows) >= _MOST_CACHED:
                self._of_flows.clear()
            known = (flow, Version(flow.flow, flow.version(), flow.canonical()))
            self._of_flows[id(flow)] = known
        return known[1]

    async def terms(self, db: Transaction, versions: Iterable[str]) -> Mapping[str, Terms]:
        """Return the terms of versions that began."""
        found = {version: self._terms.get(version) for version in versions}
        if unknown := sorted(version for version, terms in found.items() if terms is None):
            contents = await store.version_contents(db, unknown)
            read = {version: terms_of(content) for version, content in contents.items()}
            if len(self._terms) >= _MOST_CACHED:
                self._terms.clear()
            self._terms |= read
            found |= read
        return {version: terms or _NO_TERMS for version, terms in found.items()}
