"""What the entry points of connectors (HTTP, events, time) work with; the only place that constructs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from services.connectors.deliveries.deliverer import Deliverer
from services.connectors.deliveries.mail_transport import SMTPSettings, transport_of
from services.connectors.deliveries.mails import MailChannel
from services.connectors.deliveries.webhooks import WebhookChannel
from services.connectors.notifications.file_watch import FileWatch
from services.connectors.notifications.planning import NotificationPlanner
from services.connectors.privacy import ConnectorsPrivacy
from services.connectors.settings import ConnectorsSettings
from services.connectors.tables import audit_tables, system_tables
from shared.audit_log import AuditLog
from shared.http.outbound import OutboundClient, OutboundSettings
from shared.service import Runtime
from shared.token_buckets import TokenBuckets


@dataclass(frozen=True, slots=True)
class ConnectorsDependencies:
    """The parts of the service, each constructed once."""

    runtime: Runtime
    settings: ConnectorsSettings
    planner: NotificationPlanner
    privacy: ConnectorsPrivacy
    deliverer: Deliverer
    files: FileWatch
    audit: AuditLog
    brake: TokenBuckets
    """Of the tests that one endpoint gets."""

    @classmethod
    def of(cls, runtime: Runtime, environ: Mapping[str, str], client: OutboundClient | None = None) -> Self:
        """Return the parts; the secrets that merchants' files name are looked up in `environ`.

        Raises:
            ConfigurationFault: a setting is wrong; the message says which and what to do.
        """
        planner = NotificationPlanner(runtime.merchants, runtime.sealer, runtime.settings.address)
        webhooks = WebhookChannel(client or OutboundClient.of(OutboundSettings()), environ)
        settings, smtp = ConnectorsSettings(), SMTPSettings()
        mails = MailChannel(transport_of(smtp, _mail_folder(runtime, settings)), smtp.sender)
        return cls(
            runtime=runtime,
            settings=settings,
            planner=planner,
            privacy=ConnectorsPrivacy(system_tables, runtime.sealer, planner),
            deliverer=Deliverer(
                runtime.units,
                runtime.sealer,
                runtime.merchants,
                webhooks,
                mails,
                planner.waker,
                mails_per_hour=settings.mails_per_hour,
            ),
            files=FileWatch(runtime.units, runtime.merchants, planner),
            audit=AuditLog(audit_tables, runtime.sealer),
            brake=TokenBuckets(runtime.clock),
        )


def _mail_folder(runtime: Runtime, settings: ConnectorsSettings) -> Path | None:
    """Return where mails become files: where it says, else in the data folder of an application in one process."""
    if settings.mail_dir is None and runtime.database.dialect == "sqlite":
        return runtime.settings.data_dir / "mail"
    return settings.mail_dir
