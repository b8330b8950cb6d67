"""Setting up and the guide, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyring as keyring_package
import pytest
import tomlkit

from listening import Listening
from program import wait_until
from test_secrets import Memory
from tray import app as app_module
from tray import secrets
from tray import settings as settings_module
from tray.locale import use
from tray.simulator.oauth import ALL, SignIn
from tray.simulator.server import Simulator

TOKEN = "pat_0123456789abcdef_very_secret"
Look = Callable[..., Any]


@pytest.fixture
def oauth(cloud: Simulator) -> SignIn:
    return SignIn(cloud, interval_s=1)


@pytest.fixture
def program(
    listen: Callable[..., Listening], cloud: Simulator, oauth: SignIn, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Listening]:
    """One whose settings are a file in which no drafts folder is set, and whose keyring is empty."""
    memory = Memory()
    monkeypatch.setattr(keyring_package, "get_keyring", lambda: memory)
    settings_module.rewrite(lambda _text: tomlkit.dumps({"version": 1, "api_base": cloud.base_url}))
    own = {"drafts_dir": None, "allow_hosts": ()}
    listening = listen(cloud, resume=True, token=None, settings=own)
    listening.app.listener.start()
    yield listening
    use("en")


def expected(seen: Any, status: int = 409) -> None:
    """The browser has noted an answer that was to be refused."""
    refused = [one for one in seen.complaints if f"status of {status}" in one]
    assert refused
    seen.complaints[:] = [one for one in seen.complaints if one not in refused]


def fits(tab: Any) -> bool:
    """Nothing is wider than the window; else what is."""
    wide = "[...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth).map((one) => one.outerHTML.slice(0, 150))"
    found = tab.evaluate(wide)
    assert not found, found
    return True


def until(tab: Any, script: str) -> None:
    """Wait until it is true. (Playwright's own waiting is refused by the page's policy: it is an eval.)"""
    wait_until(lambda: tab.evaluate(script), script)


@pytest.mark.parametrize(("width", "language"), [(380, "zh_CN"), (1200, "en")])
def test_the_guide_leads_by_keyboard_to_the_demo_s_draft(
    program: Listening, look: Look, root: Path, width: int, language: str
) -> None:
    settings_module.save(language=language)
    program.app.settings_now()
    use(language)
    seen = look(program, "guide", width=width, dark=width == 380)
    tab = seen.tab
    tab.wait_for_selector("#account li:not(.dim)")
    assert fits(tab)
    assert tab.locator("#next.main").count() == 0, "to leave a step out is not what is offered first"
    tab.focus("#next")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**step=2")
    assert tab.inner_text("#folder-problem")
    tab.fill("#folder-own", "drafts")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#folder-own[aria-invalid=true]")
    expected(seen)
    tab.fill("#folder-own", str(root))
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".steps [aria-current][data-done=yes]")
    assert tab.locator("#next.main").count() == 1
    assert fits(tab)
    tab.focus("#next")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**step=3")
    tab.focus("#demo")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#demo-done:not([hidden])")
    until(tab, "document.getElementById('demo-cover').naturalWidth > 0")
    assert fits(tab)
    assert tab.locator(".first-steps .main:visible").all_inner_texts() == [tab.inner_text("#demo-open")]
    (draft,) = (path for path in root.iterdir() if not path.name.startswith("."))
    assert (draft / "draft_cover.jpg").exists()
    tab.reload()
    tab.wait_for_selector("#demo-done:not([hidden])")


def test_the_guide_makes_no_draft_before_it_has_a_folder(program: Listening, look: Look) -> None:
    tab = look(program, "guide?step=3").tab
    assert tab.is_disabled("#demo") and tab.is_visible("a[href='guide?step=2']")
    app_module.call(program.app, "generate_draft", "{}", "the demo")
    tab.reload()
    tab.wait_for_selector("#demo-request .failure:not([hidden])")
    said = tab.inner_text("#demo-request .failure .message")
    assert said and tab.inner_text("#demo-request").count(said) == 1, "what failed is said once"
    assert tab.is_disabled("#demo") and not tab.is_visible("#demo-request .parameters div")


def test_signing_in_by_device_shows_a_qr_code_and_goes_on_by_itself(
    program: Listening, look: Look, oauth: SignIn
) -> None:
    oauth.polls = ["authorization_pending"]
    tab = look(program, "setup", width=380, dark=True).tab
    tab.click("#by-device summary")
    tab.fill("#client-id", oauth.client_id)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#device:not([hidden])")
    until(tab, "document.getElementById('qr').naturalWidth > 100")
    corner = "(() => { const c = document.createElement('canvas').getContext('2d'); c.drawImage(document.getElementById('qr'), 0, 0); return [...c.getImageData(3, 3, 1, 1).data] })()"
    assert tab.evaluate(corner) == [255, 255, 255, 255], "a quiet zone, in the dark too"
    assert tab.inner_text("#user-code") == "WDJB-MJHT"
    assert tab.get_attribute("#device-page", "href").endswith("user_code=WDJB-MJHT")
    tab.wait_for_selector("#sign-out:not([hidden])")
    assert "小明" in tab.inner_text("#account") and tab.is_hidden("#device")


def test_signing_in_by_device_can_be_cancelled(program: Listening, look: Look, oauth: SignIn) -> None:
    oauth.polls = ["authorization_pending"] * 99
    tab = look(program, "setup").tab
    tab.click("#by-device summary")
    tab.fill("#client-id", oauth.client_id)
    tab.keyboard.press("Enter")
    tab.click("#device-cancel")
    until(tab, "document.getElementById('device-message').textContent !== ''")
    assert tab.is_hidden("#device")


def test_a_token_is_typed_once_and_the_connection_tested(program: Listening, look: Look, oauth: SignIn) -> None:
    oauth.granted(TOKEN, ALL - {"listMessage"})
    seen = look(program, "setup")
    tab = seen.tab
    tab.wait_for_selector("#by-token[open]")
    assert tab.get_attribute("#token", "type") == "password" and tab.get_attribute("#token", "autocomplete") == "off"
    tab.fill("#token", "pat_typo")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#token[aria-invalid=true]")
    expected(seen)
    tab.fill("#token", TOKEN)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#sign-out:not([hidden])")
    assert "小明" in tab.inner_text("#account") and tab.input_value("#token") == ""
    tab.click("#test")
    tab.wait_for_selector("#checks [data-ok=bad]")
    tab.wait_for_selector("#test:not([disabled])")
    assert "listMessage" in tab.inner_text("#checks [data-ok=bad]")
    assert TOKEN not in tab.content()
    assert secrets.read(program.settings.api_host) == secrets.Token(TOKEN)


def test_a_setting_is_saved_as_it_is_changed_and_what_is_wrong_stands_beside_it(program: Listening, look: Look) -> None:
    seen = look(program, "setup")
    tab = seen.tab
    at_once = "[data-key=at_once]"
    tab.fill(f"{at_once} input", "0")
    tab.keyboard.press("Tab")
    tab.wait_for_selector(f"{at_once} [aria-invalid=true]")
    assert "1" in tab.inner_text(f"{at_once} .wrong")
    expected(seen)
    tab.click("#more-settings > summary")
    assert tab.inner_text("[data-key=max_media_bytes] .readable") == "≈ 2.1 GB"
    tab.fill("[data-key=cache_max_bytes] input", "500000000")
    assert tab.inner_text("[data-key=cache_max_bytes] .readable") == "≈ 500.0 MB"
    tab.fill("[data-key=cache_max_bytes] input", "10000000000")
    tab.fill("[data-key=device] input", "书房")
    tab.keyboard.press("Tab")
    until(tab, "document.querySelector('[data-key=device] .saved').textContent !== ''")
    assert tab.input_value(f"{at_once} input") == "0", "what is wrong elsewhere stays beside its reason"
    tab.fill(f"{at_once} input", "8")
    tab.keyboard.press("Tab")
    until(tab, "document.querySelector('[data-key=at_once] .saved').textContent !== ''")
    assert program.app.settings_now().at_once == 8 and tab.inner_text(f"{at_once} .wrong") == ""
    tab.click(f"{at_once} .reset")
    until(tab, "document.querySelector('[data-key=at_once] input').value === '4'")
    assert program.app.settings_now().at_once == 4
    tab.click("[data-key=folders] .add")
    tab.fill("[data-key=folders] .name", "客户")
    tab.focus("[data-key=folders] .value")
    tab.wait_for_timeout(300)
    assert program.app.settings_now().folders == {}, (
        "a folder without a path is not kept: it would be the program's own"
    )
    tab.fill("[data-key=folders] .value", "/tmp/x")
    tab.keyboard.press("Tab")
    until(tab, "document.querySelector('[data-key=folders] .saved').textContent !== ''")
    assert program.app.settings_now().folders == {"客户": Path("/tmp/x")}
    tab.fill("[data-key=allow_hosts] textarea", " a.lan\n\nb.lan\n")
    tab.keyboard.press("Tab")
    until(tab, "document.querySelector('[data-key=allow_hosts] .saved').textContent !== ''")
    assert program.app.settings_now().allow_hosts == ("a.lan", "b.lan")
    tab.click("[data-key=folders] .drop")
    until(tab, "document.querySelectorAll('[data-key=folders] .pair').length === 0")
    tab.wait_for_timeout(300)
    assert program.app.settings_now().folders == {}


@pytest.mark.skipif(os.name == "nt", reason="the entry of a Linux desktop")
def test_starting_at_login_and_notifications_are_switched(
    program: Listening, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    tab = look(program, "setup").tab
    for on in (True, False):
        tab.click("#login")
        until(tab, f"document.getElementById('login').checked === {str(on).lower()}")
        assert [one.suffix for one in (tmp_path / "config").rglob("*.desktop")] == [".desktop"] * on
    assert program.app.settings_now().notifications
    tab.uncheck("[data-key=notifications] input")
    until(tab, "document.querySelector('[data-key=notifications] .saved').textContent !== ''")
    assert not program.app.settings_now().notifications
    tab.reload()
    assert not tab.is_checked("[data-key=notifications] input") and not tab.is_checked("#login")


def test_another_language_changes_the_page_at_once(program: Listening, look: Look) -> None:
    tab = look(program, "setup").tab
    tab.select_option("[data-key=language] select", "zh_CN")
    tab.wait_for_selector("html[lang=zh-CN]")
    until(tab, "document.querySelector('[data-key=language] select').value === 'zh_CN'")
    assert "监听" in tab.inner_text("#status")
    tab.select_option("[data-key=language] select", "en")
    tab.wait_for_selector("html[lang=en]")


def test_a_target_is_added_of_a_pasted_address_changed_and_removed(program: Listening, look: Look) -> None:
    seen = look(program, "setup", width=380)
    tab = seen.tab
    tab.click("#add-target")
    tab.fill("#target-id", "https://www.coze.com/work_flow?space_id=1&workflow_id=74")
    tab.fill("#target-name", "日/更")
    until(tab, "document.getElementById('target-id').value === '74'")
    assert tab.input_value("#target-kind") == "workflow" and tab.input_value("#target-region") == "com"
    tab.evaluate("document.getElementById('target-more').open = true")
    tab.select_option("#target-region", "")  # there is no coze.com here
    assert tab.is_hidden("#target-prompt") and tab.is_hidden("#target-interval")
    tab.click("#target-parameters .add")
    tab.fill("#target-parameters .name", "n")
    tab.fill("#target-parameters .value", "3")
    tab.check("#target-parameters .is-json")
    tab.check("#target-listen")
    tab.fill("#target-interval", "5m")
    assert "288" in tab.inner_text("#cost")
    tab.fill("#target-interval", "soon")
    tab.click("#target-form [type=submit]")
    tab.wait_for_selector("#target-interval[aria-invalid=true]")
    expected(seen)
    tab.fill("#target-interval", "5m")
    tab.click("#target-form [type=submit]")
    tab.wait_for_selector("#targets li")
    made = program.app.settings_now().targets["日/更"]
    assert (made.id, made.kind, made.region, made.parameters, made.interval) == ("74", "workflow", "", {"n": 3}, "5m")
    tab.click("#targets .edit")
    assert tab.input_value("#target-parameters .value") == "3"
    tab.uncheck("#target-listen")
    tab.fill("#target-schedule", "at eight")
    tab.click("#target-form [type=submit]")
    tab.wait_for_selector("#target-schedule[aria-invalid=true]")
    expected(seen)
    tab.fill("#target-schedule", "0 8 * * *")
    tab.fill("#target-name", "每日")
    tab.click("#target-form [type=submit]")
    tab.wait_for_selector("#targets [data-name=每日]")
    made = program.app.settings_now().targets["每日"]
    assert not made.listen and made.schedule == "0 8 * * *"
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.click("#targets .remove")
    tab.wait_for_selector("#no-targets:not([hidden])")
    assert program.app.settings_now().targets == {}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_it_fits_a_narrow_window(program: Listening, look: Look, language: str) -> None:
    settings_module.save(language=language)
    use(language)
    tab = look(program, "setup", width=380).tab
    tab.wait_for_selector("#account li:not(.dim)")
    tab.click("#by-device summary")
    assert fits(tab)
