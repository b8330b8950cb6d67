"""Takes the README's picture of the page: real pages of a real program, whose cloud is the simulator.

Run it where the browser's tests run, after a page has changed:  python tests/browser/screenshots.py
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[n]) for n in (0, 1, 2)]

from PIL import Image
from playwright.sync_api import sync_playwright

from conftest import ARGUMENTS
from every_page import DRAFT, show
from program import wait_until
from tray import app, events, instance, locale, settings
from tray.simulator import demo
from tray.simulator.server import Simulator

TARGET = Path(__file__).parents[1] / "screenshots" / "page.png"
WIDE, PHONE, GAP = (1000, 680), 400, 16
SHOWN_WIDTH = 1800
DRAFTS = ("秋日西湖", "早餐日记", "山间清晨", "城市夜景", "咖啡馆的一天", "海边日落", "古镇慢行", "周末露营")
SETTINGS = """language = "zh_CN"
bot_id = "7379165428687536000"

[targets."每日短片"]
kind = "bot"
id = "7379165428687536000"
prompt = "做今天的短视频"

[targets."海报工作流"]
kind = "workflow"
id = "7379165428687536001"
"""


def main() -> None:
    with program() as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
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
    with tempfile.TemporaryDirectory() as folder:
        home, drafts = Path(folder, "home"), Path(folder, "JianyingPro Drafts")
        drafts.mkdir()
        home.mkdir()
        (home / "settings.toml").write_text(SETTINGS, "utf-8")
        locale.use("zh_CN")
        with demo.simulator(pace_s=0) as cloud:
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
        asked = app.call(running, "generate_draft", json.dumps({"content": storyboard(cloud, name, number)}), "导出.json")
        wait_until(lambda asked=asked: running.journal.request(asked).state == "done", "the draft")
    request_id, prompt = "a" * 32, "做一个关于秋天的短视频，四个镜头，每个镜头一句字幕"
    bot = "7379165428687536000"
    running.journal.add_request(request_id, app.Asked(os.environ["COZE_API_BASE"], "bot", bot, prompt, target="每日短片"))
    running.journal.running(request_id)
    for event in (
        events.RequestStarted(request_id, prompt),
        events.TextArrived(request_id, "好的：四个镜头，从清晨的西湖到傍晚的山路，每个镜头配一句字幕和一段旁白。\n\n正在生成草稿……"),
        events.ToolStarted(request_id, "call", "generate_draft"),
        events.MediaProgress(request_id, 7, 12, 31_400_000),
        events.StateChanged("working", "7 / 12"),
    ):
        running.bus.publish(event)


def storyboard(cloud: Simulator, name: str, number: int) -> str:
    """The demo's, with pictures and sounds of its own; every third one is wide."""
    made = demo.storyboard(cloud.base_url)
    project = made["drafts"][0]["project"]
    project["name"] = name
    if number % 3 == 2:
        project["width"], project["height"] = 1920, 1080
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
    seen.tab.wait_for_timeout(1000)  # pictures that are loaded late
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        seen.tab.screenshot(path=file.name)
        taken = Image.open(file.name).convert("RGB")
    context.close()
    return taken


class Tab:
    """As tests/browser/conftest.py has them."""

    def __init__(self, context: Any) -> None:
        self.context, self.tab, self.complaints = context, context.new_page(), list[str]()


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
