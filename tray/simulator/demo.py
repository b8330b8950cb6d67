"""The demo's bot: asked for a video, it writes four scenes, "makes" their media and calls the local plugin."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from tray.locale import _
from tray.simulator import media
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import Frames
from tray.simulator.server import Simulator

SCENE_MS = 3000


def simulator(pace_s: float = 0.04) -> Simulator:
    """A cloud with the demo's bot in it. `pace_s`: between two pieces of a stream."""
    cloud: Simulator

    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        yield chat.in_progress()
        yield from chat.says(_("Fine: four scenes, with a picture, a sound and a caption each. Making the draft…"))
        export = json.dumps(storyboard(cloud.base_url), ensure_ascii=False)
        yield chat.calls_tool("generate_draft", {"content": json.dumps({"output": export}, ensure_ascii=False)})

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Frames:
        result = json.loads(next(iter(outputs.values())))
        yield chat.in_progress()
        yield from chat.says(result["message"])
        yield from chat.completed()

    cloud = Simulator(on_chat, on_outputs, media=_media, pace_s=pace_s)
    return cloud


def storyboard(base_url: str) -> dict[str, Any]:
    """A Coze2JianYing export with four scenes, its media at `base_url`, times in milliseconds."""
    return _storyboard(lambda kind, n: f"{base_url}/media/{kind}/{n}")


def whole_storyboard() -> dict[str, Any]:
    """The same with its media in it: it needs no cloud."""
    types = {"image": "image/png", "audio": "audio/wav"}

    def inside(kind: str, n: int) -> str:
        return f"data:{types[kind]};base64,{base64.b64encode(_media(f'{kind}/{n}') or b'').decode()}"

    return _storyboard(inside)


def _storyboard(link: Callable[[str, int], str]) -> dict[str, Any]:
    lines = [_("A quiet morning"), _("The light comes over the hills"), _("A day full of work"), _("And home again")]
    scenes = range(len(lines))

    def segments(kind: str) -> Iterator[dict[str, Any]]:
        for n in scenes:
            time_range = {"start": n * SCENE_MS, "end": (n + 1) * SCENE_MS}
            if kind == "text":
                transform = {"position_x": 0.0, "position_y": -0.7}
                style = {"font_size": 10, "color": "#FFFFFF", "stroke": {"enabled": True, "width": 4}}
                yield {
                    "type": kind,
                    "content": lines[n],
                    "time_range": time_range,
                    "transform": transform,
                    "style": style,
                }
            else:
                # No extension: as with Coze's own links, only the content tells what it is.
                yield {"type": kind, "material_url": link(kind, n), "time_range": time_range}

    tracks = [{"track_type": kind, "segments": list(segments(kind))} for kind in ("image", "audio", "text")]
    project = {"name": _("Demo (a day in four scenes)"), "width": 1080, "height": 1920, "fps": 30}
    draft = {"draft_id": "00000000-0000-4000-8000-000000000000", "project": project, "tracks": tracks}
    return {"format_version": "1.0", "export_type": "single_draft", "draft_count": 1, "drafts": [draft]}


def _media(name: str) -> bytes | None:
    kind, _slash, number = name.partition("/")
    if not number.isdigit():
        return None
    return media.picture(int(number)) if kind == "image" else media.tone(int(number), SCENE_MS / 1000)
