"""A target, as `[targets.NAME]` of the settings file says it; tray/targets.py finds the one that is meant."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tray.locale import N_, _
from tray.regions import Address
from tray.text import fit_json

SHORTEST_INTERVAL_S = 1


class Target(BaseModel):
    """A bot, workflow or chatflow that the user has given a name."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["bot", "workflow", "chatflow"] = Field(description=N_("What it is: bot, workflow or chatflow."))
    id: str = Field(min_length=1, description=N_("Its id in Coze."))
    region: Literal["", "cn", "com"] = Field(
        "", description=N_("cn (coze.cn) or com (coze.com); empty: as for everything.")
    )
    api_base: Address = Field("", description=N_("The address of another Coze API; empty: that of the region."))
    prompt: str = Field(
        "", description=N_("What a bot or chatflow is asked where nothing else is said: a saved request.")
    )
    parameters: dict[str, Any] = Field({}, description=N_("The inputs of a workflow or chatflow."))
    """What a request says wins."""
    variables: dict[str, str] = Field({}, description=N_("User variables of a bot."))
    bot_id: str = Field("", description=N_("The bot that a workflow or chatflow runs for."))
    app_id: str = Field("", description=N_("The application that a workflow or chatflow runs for."))
    listen: bool = Field(
        False, description=N_("true: a mailbox workflow, run again and again while the program listens.")
    )
    interval: str = Field(
        "60s",
        description=N_("Between two runs of a mailbox: 30s, 5m or 1h; or hold, for a workflow that itself waits."),
    )
    schedule: str = Field(
        "",
        description=N_(
            "When it is asked by itself: minute, hour, day, month and weekday as cron has them; 0 8 * * * is each day"
            " at 8:00. Empty: never."
        ),
    )
    runs_a_day: int = Field(1500, ge=1, description=N_("A mailbox is not run more often a day."))

    @property
    def interval_s(self) -> float | None:
        """None for "hold"."""
        return None if self.interval == "hold" else _seconds(self.interval)

    @field_validator("parameters")
    @classmethod
    def _are_json(cls, said: dict[str, Any]) -> dict[str, Any]:
        return fit_json(said)

    @field_validator("interval")
    @classmethod
    def _is_interval(cls, said: str) -> str:
        if said != "hold" and _seconds(said) < SHORTEST_INTERVAL_S:
            raise ValueError(_("it must be {n} s or longer").format(n=SHORTEST_INTERVAL_S))
        return said

    @field_validator("schedule")
    @classmethod
    def _is_schedule(cls, said: str) -> str:
        if said := " ".join(said.split()):
            _check_schedule(said)
        return said

    @model_validator(mode="after")
    def _can_be_scheduled(self) -> Target:
        if self.schedule and self.listen:
            raise ValueError(_("a mailbox that is listened to has no schedule: it is run again and again"))
        if self.schedule and self.kind != "workflow" and not self.prompt.strip():
            raise ValueError(_("a schedule needs a prompt: what is to be asked then"))
        return self

    @model_validator(mode="after")
    def _can_be_listened_to(self) -> Target:
        if self.listen and self.kind != "workflow":
            raise ValueError(_("only a workflow can be listened to"))
        return self


def _seconds(said: str) -> float:
    """As 30s, 5m or 1h. Raises ValueError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)", said.strip())
    if found is None:
        raise ValueError(_("it is a time like 30s, 5m or 1h, or hold"))
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def _check_schedule(said: str) -> None:
    """Raises ValueError."""
    from datetime import datetime

    from cronsim import CronSim, CronSimError

    wrong = ValueError(
        _("it is minute, hour, day, month and weekday as cron has them, like 0 8 * * * for each day at 8:00")
    )
    if len(said.split()) != 5:  # it would take a sixth, of seconds
        raise wrong
    try:
        next(CronSim(said, datetime(2026, 1, 1)))  # noqa: DTZ001 - local time
    except CronSimError:
        raise wrong from None
    except StopIteration:
        raise ValueError(_("there is no such day")) from None
