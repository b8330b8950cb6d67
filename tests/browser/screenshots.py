"""Takes the README's picture of the page: real pages of a real program, whose cloud is the simulator.

Run it where the browser's tests run, after a page has changed:  python tests/browser/screenshots.py
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[n]) for n in (0, 1, 2)]

from PIL import Image
from playwright.sync_api import sync_playwright

from every_page import DRAFT, show
from program import wait_until
from real_chromium import ARGUMENTS, CHROMIUM
from tray import app, events, instance, locale, settings
from tray.simulator import demo, media
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import Frames
from tray.simulator.server import Simulator

TARGET = Path(__file__).parents[1] / "screenshots" / "page.png"
WIDE, PHONE, GAP = (1000, 680), 400, 16
SHOWN_WIDTH = 1800
DRAFTS = ("秋日西湖", "早餐日记", "山间清晨", "城市夜景", "咖啡馆的一天", "海边日落", "古镇慢行", "周末露营")
BOT = "7379165428687536000"
WIDE_ONES, HELD_BACK, FIRST_HELD_BACK = 40, 100, 5
"""Pictures from the first number on are wide; media from the second one on come no further than so many of them."""
SETTINGS = f"""language = "zh_CN"
bot_id = "{BOT}"

[targets."每日短片"]
kind = "bot"
id = "{BOT}"
prompt = "做今天的短视频"

[targets."海报工作流"]
kind = "workflow"
id = "7379165428687536001"
"""


def main() -> None:
    with program() as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            made = compose(*pictures(browser, running))
        finally:
            browser.close()
    made.resize((SHOWN_WIDTH, made.height * SHOWN_WIDTH // made.width), Image.Resampling.LANCZOS).save(
        TARGET, optimize=True
    )
    print(TARGET)


@contextmanager
def program() -> Iterator[app.App]:
    """One that has made drafts and is at work, with settings as a user has them."""
    # Its folder is in the picture.
    drafts = Path(tempfile.gettempdir(), "JianyingPro Drafts")
    drafts.mkdir()
    with contextlib.ExitStack() as ends:
        ends.callback(shutil.rmtree, drafts)
        home = Path(ends.enter_context(tempfile.TemporaryDirectory()), "home")
        home.mkdir()
        (home / "settings.toml").write_text(SETTINGS, "utf-8")
        locale.use("zh_CN")
        with half_a_cloud() as cloud:
            os.environ.update(
                COZE_TRAY_HOME=str(home), COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="t",
                COZE_TRAY_DRAFTS_DIR=str(drafts), COZE_TRAY_ALLOW_HOSTS="127.0.0.1",
            )  # fmt: skip
            held = instance.acquire(home)
            assert held is not None
            running = app.open_app(settings.load(), home, held, events.Bus(), resume=True)
            try:
                running.listener.start()
                furnish(running, cloud)
                yield running
            finally:
                running.close()


def furnish(running: app.App, cloud: Simulator) -> None:
    """Drafts, and a request that is at work."""
    for number, name in enumerate(DRAFTS):
        export = storyboard(cloud, name, number)
        asked = app.call(running, "generate_draft", json.dumps({"content": export}), "导出.json")
        wait_until(lambda asked=asked: running.journal.request(asked).state == "done", "the draft")
    prompt = "做一个关于秋天的短视频，四个镜头，每个镜头一句字幕"
    asked = app.Asked(os.environ["COZE_API_BASE"], "bot", BOT, prompt, target="每日短片")
    request_id = app.begin(running, app.NewRequest(asked, None))
    wait_until(lambda: call_of(running, request_id).get("done") == FIRST_HELD_BACK, "the request to be at work")


def call_of(running: app.App, request_id: str) -> dict[str, Any]:
    """What is known of the tool call of that request."""
    told = running.told.of(request_id) or {}
    return next(iter(told.get("calls", [])), {})


@contextmanager
def half_a_cloud() -> Iterator[Simulator]:
    """As the demo's, with a bot whose last media are still to come when the picture is taken."""
    taken = threading.Event()
    cloud: Simulator

    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        yield chat.in_progress()
        yield from chat.says("好的：四个镜头，从清晨的西湖到傍晚的山路，每个镜头配一句字幕和一段旁白。正在生成草稿……")
        yield chat.calls_tool("generate_draft", {"content": storyboard(cloud, "秋天", HELD_BACK)})

    sent = itertools.count()

    def shelf(name: str) -> bytes:
        kind, number = name.split("/")
        if int(number) >= HELD_BACK and next(sent) >= FIRST_HELD_BACK:
            taken.wait(60)
        if kind == "audio":
            return media.tone(int(number))
        return (
            media.picture(int(number), 1920, 1080)
            if WIDE_ONES <= int(number) < HELD_BACK
            else media.picture(int(number))
        )

    with Simulator(on_chat, media=shelf, pace_s=0) as cloud:
        try:
            yield cloud
        finally:
            taken.set()


def storyboard(cloud: Simulator, name: str, number: int) -> str:
    """The demo's, with pictures and sounds of its own; every third one is wide."""
    made = demo.storyboard(cloud.base_url)
    project = made["drafts"][0]["project"]
    project["name"] = name
    if number % 3 == 2:
        project["width"], project["height"] = 1920, 1080
        number += WIDE_ONES
    for track in made["drafts"][0]["tracks"]:
        for n, segment in enumerate(track["segments"]):
            if "material_url" in segment:
                segment["material_url"] = f"{segment['material_url'].rsplit('/', 1)[0]}/{number + n}"
    return json.dumps(made, ensure_ascii=False)


def pictures(browser: Any, running: app.App) -> tuple[list[Image.Image], Image.Image]:
    """The pages for a wide screen, and one for a dark phone that is as high as two of them."""
    wide = [shot(browser, running, page, WIDE) for page in ("", "drafts", DRAFT, "setup")]
    return wide, shot(browser, running, "", (PHONE, 2 * WIDE[1] + GAP), dark=True)


def shot(browser: Any, running: app.App, page: str, size: tuple[int, int], *, dark: bool = False) -> Image.Image:
    theme = "dark" if dark else "light"
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
    )
    seen = Tab(context)
    seen.tab.goto(running.page.url(running))
    show(seen, page)
    wait_until(lambda: seen.tab.evaluate(HAS_PICTURES), "its pictures")
    seen.tab.wait_for_timeout(500)  # drawn
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        seen.tab.screenshot(path=file.name)
        taken = Image.open(file.name).convert("RGB")
    context.close()
    return taken


class Tab:
    """As tests/browser/conftest.py has them."""

    def __init__(self, context: Any) -> None:
        self.context, self.tab, self.complaints = context, context.new_page(), list[str]()


HAS_PICTURES = """[...document.images].every((one) =>
  !one.checkVisibility() || one.getBoundingClientRect().top > innerHeight || (one.complete && one.naturalWidth))"""


def compose(wide: list[Image.Image], phone: Image.Image) -> Image.Image:
    """Two by two, and the phone beside them."""
    sheet = Image.new("RGB", (2 * WIDE[0] + PHONE + 4 * GAP, 2 * WIDE[1] + 3 * GAP), "#8d97a6")
    for number, picture in enumerate(wide):
        row, column = divmod(number, 2)
        sheet.paste(picture, (GAP + column * (WIDE[0] + GAP), GAP + row * (WIDE[1] + GAP)))
    sheet.paste(phone, (2 * WIDE[0] + 3 * GAP, GAP))
    return sheet


if __name__ == "__main__":
    main()
