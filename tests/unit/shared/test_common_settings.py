"""What several services read is set once, and keeps the names it had."""

from datetime import timedelta

import pytest

from services.metrics.settings import MetricsSettings
from services.scheduler.settings import SchedulerSettings
from shared.errors import ConfigurationFault
from shared.settings import CommonSettings, every_setting

NAME, OLD_NAME = "FOLLOWUP_SCHEDULER_UNCONFIRMED_HOURS", "FOLLOWUP_METRICS_UNCONFIRMED_AFTER_HOURS"


@pytest.mark.parametrize("name", [NAME, OLD_NAME])
def test_both_names_count_for_every_service(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "5")
    assert SchedulerSettings().unconfirmed_after == MetricsSettings().unconfirmed_after == timedelta(hours=5)


def test_the_old_name_is_read_only_where_the_other_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OLD_NAME, "5")
    monkeypatch.setenv(NAME, "6")
    assert CommonSettings().unconfirmed_after == timedelta(hours=6)


@pytest.mark.parametrize("name", [NAME, OLD_NAME, "FOLLOWUP_SCHEDULER_CONTENT_DAYS"])
def test_a_value_that_cannot_be_used_is_reported_with_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "-1")
    with pytest.raises(ConfigurationFault, match=r"FOLLOWUP_SCHEDULER_(UNCONFIRMED_HOURS|CONTENT_DAYS): "):
        CommonSettings()


def test_each_name_is_listed_once_and_the_old_one_as_deprecated() -> None:
    helps = {entry.variable: entry.help for entry in every_setting()}
    names = [entry.variable for entry in every_setting()]
    assert names.count(NAME) == names.count(OLD_NAME) == names.count("FOLLOWUP_SCHEDULER_CONTENT_DAYS") == 1
    assert helps[OLD_NAME].startswith("Deprecated")
