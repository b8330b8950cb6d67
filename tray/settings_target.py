"""A target, as `[targets.NAME]` of the settings file says it; tray/targets.py finds the one that is meant."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tray.locale import N_, _
from tray.regions import Address

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
    runs_a_day: int = Field(1500, ge=1, description=N_("A mailbox is not run more often a day."))

    @property
    def interval_s(self) -> float | None:
        """None for "hold"."""
        return None if self.interval == "hold" else _seconds(self.interval)

    @field_validator("interval")
    @classmethod
    def _is_interval(cls, said: str) -> str:
        if said != "hold" and _seconds(said) < SHORTEST_INTERVAL_S:
            raise ValueError(_("it must be {n} s or longer").format(n=SHORTEST_INTERVAL_S))
        return said

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
