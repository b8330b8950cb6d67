"""What the icon's menu says, as data."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from tray.desktop import menu
from tray.desktop.clicks import Clicks
from tray.desktop.controls import Controls
from tray.events import Bus, QuestionAsked


def page_of(url: str) -> str:
    """The entry that opens this page, as it is shown."""
    question = QuestionAsked("r", "q", "连接账号", (), url)
    clicks = Clicks(Mock(spec=Controls), Bus(), lambda: None)
    (questions,) = [one for one in menu.entries(menu.Seen(questions=(question,)), clicks) if one.label == "Questions"]
    return menu.shown(questions.items[0].items[0].label)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.coze.cn/oauth", "www.coze.cn"),
        ("https://www.coze.cn:8443/oauth", "www.coze.cn:8443"),
        ("https://www.coze.cn@evil.example/oauth", "evil.example"),
        ("https://www.coze.cn\u202e.evil.example/oauth", "www.coze.cn.evil.example"),
    ],
)
def test_a_page_is_shown_with_whose_it_is(url: str, host: str) -> None:
    assert page_of(url) == f"Open the page at {host}"


@pytest.mark.parametrize("part", ["login.", "登录.", "😀."])
def test_of_a_long_host_the_end_is_shown_which_says_whose_it_is(part: str) -> None:
    label = page_of(f"https://www.coze.cn.{part * 30}evil.example/oauth")
    assert label.startswith("Open the page at …") and label.endswith(f"{part}evil.example")
    assert len(label.encode("utf-16-le")) <= 2 * 80
