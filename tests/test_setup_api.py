"""Setting everything up over real HTTP: the account, the connection, settings, targets, the drafts folder, the guide."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import keyring as keyring_package
import pytest
import tomlkit
from keyring.backends import fail

from listening import Listening
from program import wait_until
from test_secrets import Memory
from tray import configuring, pasted, secrets, toml_file
from tray import settings as settings_module
from tray.desktop import opener
from tray.errors import SettingsError
from tray.locale import use
from tray.settings import Settings
from tray.simulator.exchange import Exchange
from tray.simulator.oauth import ALL, SignIn
from tray.simulator.server import Simulator
from tray.web import forms
from web import told, visit

TOKEN = "pat_0123456789abcdef_very_secret"


@pytest.fixture
def oauth(cloud: Simulator) -> SignIn:
    return SignIn(cloud, interval_s=1)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    backend = Memory()
    monkeypatch.setattr(keyring_package, "get_keyring", lambda: backend)
    return backend


@dataclass
class Page:
    """A program whose settings are a file, and its page."""

    listening: Listening
    client: httpx.Client
    said: list[str] = field(default_factory=list)
    """Everything the page was sent."""

    def get(self, path: str) -> Any:
        answer = self.client.get(f"api/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, method: str, path: str, json: Any = None, *, status: int = 200) -> Any:
        answer = self.client.request(method, f"api/v1/{path}", json=json)
        assert answer.status_code == status, answer.text
        return answer.json()

    def wrong(self, method: str, path: str, json: Any = None) -> dict[str, str]:
        """What is wrong, by field; nothing was done."""
        file = settings_module.settings_file()
        before = file.read_bytes()
        fields: dict[str, str] = self.send(method, path, json, status=409)["fields"]
        assert file.read_bytes() == before
        return fields

    def checks(self) -> dict[str, tuple[bool | None, str, str]]:
        found = {}
        for name, said in told(self.client, "api/v1/checks"):
            if name == "end":
                break
            found[said["name"]] = (said["ok"], said["text"], said["advice"])
        return found


@pytest.fixture
def page(
    listen: Callable[..., Listening], cloud: Simulator, root: Path, oauth: SignIn, memory: Memory
) -> Iterator[Page]:
    own = {"api_base": cloud.base_url, "drafts_dir": str(root), "allow_hosts": ["127.0.0.1"]}
    settings_module.rewrite(lambda _text: tomlkit.dumps({"version": 1, **own}))
    listening = listen(cloud, resume=True, token=None)
    with visit(listening.app) as client:
        made = Page(listening, client)

        def note(answer: httpx.Response) -> None:
            is_endless = "/events" in answer.url.path
            made.said.append(f"{answer.headers} {'' if is_endless else answer.read().decode('utf-8', 'replace')}")

        client.event_hooks["response"].append(note)
        yield made
    use("en")
    for one in made.said:
        for secret in (TOKEN, *oauth.secrets()):
            assert secret not in one, "a secret was sent to the page"


# The account.


def test_a_token_goes_to_the_keyring_and_never_comes_back(page: Page, oauth: SignIn) -> None:
    assert page.get("sign-in")["lines"] == [f"Not signed in to {page.listening.settings.api_host}."]
    oauth.granted(TOKEN, ALL - {"listMessage"})
    said = page.send("POST", "sign-in/token", {"token": f" {TOKEN}\n", "days": 30})
    assert said["signed_in"] and said["account"] == "小明 (12345)" and said["scopes_missing"] == ["listMessage"]
    assert said["days_left"] == pytest.approx(30, abs=0.1)
    assert "token is in the keyring" in said["message"]
    stored = secrets.read(page.listening.settings.api_host)
    assert isinstance(stored, secrets.Token) and stored.token == TOKEN
    for path in ("setup", "guide", "guide?step=2", "guide?step=3", "api/v1/settings", "api/v1/sign-in"):
        assert page.client.get(path).status_code == 200
    assert TOKEN not in settings_module.settings_file().read_text("utf-8")


@pytest.mark.parametrize("wrong", ["pat_of_somebody_else", "", "two words", "pat_é", "x" * 20_001])
def test_a_token_that_is_none_is_said_at_its_field_and_not_repeated(page: Page, oauth: SignIn, wrong: str) -> None:
    oauth.granted(TOKEN)
    page.send("POST", "sign-in/token", {"token": TOKEN})
    answer = page.client.post("api/v1/sign-in/token", json={"token": wrong})
    assert answer.status_code in (409, 422)
    if answer.status_code == 409:
        assert "token" in answer.json()["fields"]
    assert not wrong or wrong not in answer.text
    assert page.get("sign-in")["account"], "what was stored before is stored still"


def test_what_is_no_json_is_refused_without_being_repeated(page: Page) -> None:
    body = f'{{"token": "{TOKEN}'.encode()
    headers = {"Content-Type": "application/json"}
    assert page.client.post("api/v1/sign-in/token", content=body, headers=headers).status_code == 422
    page.send("POST", "sign-in/token", {"token": {"x": TOKEN}}, status=422)


def test_signing_out_deletes_it(page: Page, oauth: SignIn, memory: Memory) -> None:
    oauth.granted(TOKEN)
    page.send("POST", "sign-in/token", {"token": TOKEN})
    said = page.send("DELETE", "sign-in")
    assert not said["signed_in"] and "the token is deleted" in said["message"] and not memory.stored
    assert "There was no token" in page.send("DELETE", "sign-in")["message"]


def test_a_device_code_is_shown_and_followed_until_the_user_agrees(page: Page, oauth: SignIn) -> None:
    oauth.polls = ["authorization_pending"]
    begun = page.send("POST", "sign-in/device", {"client_id": oauth.client_id}, status=201)
    assert begun["state"] == "waiting" and begun["user_code"] == "WDJB-MJHT" and begun["url"].endswith("WDJB-MJHT")
    assert begun["ends_us"] / 1e6 == pytest.approx(time.time() + 300, abs=10)
    picture = page.client.get("api/v1/sign-in/device/qr.svg")
    assert picture.headers["content-type"] == "image/svg+xml" and b"<svg" in picture.content
    assert page.get("sign-in")["device"]["state"] == "waiting", "a page that is opened now shows it too"
    agreed = wait_until(lambda: (now := page.get("sign-in/device"))["state"] != "waiting" and now, "the end")
    assert agreed["state"] == "agreed" and "Signed in" in agreed["message"]
    assert page.get("sign-in")["account"] == "小明 (12345)"
    assert page.listening.app.settings_now().oauth_client_id == oauth.client_id, "it is remembered"


def test_a_device_sign_in_that_is_refused_or_cancelled_says_so(page: Page, oauth: SignIn) -> None:
    oauth.polls = ["access_denied"]
    page.send("POST", "sign-in/device", {"client_id": oauth.client_id}, status=201)
    over = wait_until(lambda: (now := page.get("sign-in/device"))["state"] != "waiting" and now, "the end")
    assert over["state"] == "failed" and "refused" in over["message"]
    oauth.polls = ["authorization_pending"] * 99
    page.send("POST", "sign-in/device", {}, status=201)
    assert page.send("DELETE", "sign-in/device")["state"] == "cancelled"
    wait_until(lambda: not _waits(), "the waiting to end")
    assert not page.get("sign-in")["signed_in"]


@pytest.mark.parametrize(
    ("client_id", "words"), [("", "client id"), ("unknown.app.coze", "no such OAuth app"), ("é", "")]
)
def test_a_wrong_client_id_is_said_at_its_field(page: Page, client_id: str, words: str) -> None:
    assert words in page.wrong("POST", "sign-in/device", {"client_id": client_id})["client_id"]
    assert page.client.get("api/v1/sign-in/device").status_code == 404


def test_a_client_id_that_can_t_be_remembered_is_said_before_anyone_waits(
    page: Page, oauth: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_arguments: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(toml_file, "write_private", read_only)
    said = page.send("POST", "sign-in/device", {"client_id": oauth.client_id}, status=409)
    assert "Read-only" in said["error"] and not _waits()


def test_waiting_for_a_device_ends_with_the_program(page: Page, oauth: SignIn) -> None:
    oauth.polls = ["authorization_pending"] * 99
    page.send("POST", "sign-in/device", {"client_id": oauth.client_id}, status=201)
    assert _waits()
    page.listening.app.close()
    wait_until(lambda: not _waits(), "the waiting to end")


def _waits() -> bool:
    return any(thread.name == "device-sign-in" for thread in threading.enumerate())


def test_a_page_of_a_strange_kind_is_no_link(page: Page, oauth: SignIn, cloud: Simulator) -> None:
    def strange(exchange: Exchange) -> None:
        code = {"device_code": "d", "user_code": "U", "expires_in": 300, "interval": 5}
        exchange.json({**code, "verification_uri": "javascript:alert(1)//"})

    cloud.open_routes["/api/permission/oauth2/device/code"] = strange
    assert page.send("POST", "sign-in/device", {"client_id": oauth.client_id}, status=201)["url"] == ""


def test_a_computer_without_a_keyring_is_told_what_to_do(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring_package, "get_keyring", fail.Keyring)
    assert "no keyring" in page.get("sign-in")["trouble"] and "gnome-keyring" in page.get("sign-in")["lines"][0]
    assert "gnome-keyring" in page.wrong("POST", "sign-in/token", {"token": TOKEN})["token"]


# The connection.


def test_the_connection_is_tested_with_everything_that_can_be_known(
    page: Page, oauth: SignIn, cloud: Simulator
) -> None:
    def bot(exchange: Exchange) -> None:
        if exchange.query["bot_id"] == "7":
            tools = [{"api_id": "1", "name": "generate_draft", "description": ""}]
            exchange.data({"bot_id": "7", "name": "短片", "plugin_info_list": [{"api_info_list": tools}]})
        elif exchange.query["bot_id"] == "8":
            exchange.data({"bot_id": "8", "name": "海报", "plugin_info_list": None})
        else:
            exchange.refuse(4015, "the bot is not published to the channel Agent As API")

    cloud.routes["/v1/bot/get_online_info"] = bot
    cloud.routes["/v1/workflows/5"] = lambda exchange: exchange.data({"workflow_detail": {"workflow_name": "日更"}})
    cloud.routes["/v1/workflows/6"] = lambda exchange: exchange.refuse(4101, "no")
    page.send("PATCH", "settings", {"bot_id": "7", "workflow_id": "5"})
    for name, kind, id_ in (
        ("海报", "bot", "8"),
        ("旧", "bot", "9"),
        ("别人的", "workflow", "6"),
        ("没了", "workflow", "4"),
    ):
        page.send("POST", "targets", {"name": name, "kind": kind, "id": id_}, status=201)
    oauth.granted(TOKEN, ALL - {"getChat"})
    page.send("POST", "sign-in/token", {"token": TOKEN})
    checks = page.checks()
    assert checks[cloud.base_url][0] and checks["token"][:2] == (True, "accepted: 小明 (12345)")
    assert checks["scope getChat"][0] is False and "Make a token" in checks["scope getChat"][2]
    assert checks["scope listMessage"][0] is True
    assert checks["other scopes"][0] is None and "submitToolChat" in checks["other scopes"][1]
    assert checks["bot 7"][0] and "短片" in checks["bot 7"][1]
    assert checks["plugin of 7"] == (True, "it has generate_draft", "")
    assert checks["plugin of 海报"][0] is None and "may not name local plugins" in checks["plugin of 海报"][1]
    assert checks["bot 旧"][0] is False and "publish the bot" in checks["bot 旧"][2]
    assert "plugin of 旧" not in checks
    assert checks["workflow 5"][:2] == (True, "found: 日更")
    assert checks["workflow 别人的"][0] is None and "not known" in checks["workflow 别人的"][1]
    assert checks["workflow 没了"][0] is False
    assert {one.method for one in cloud.received} <= {"GET"}, "nothing is made"


def test_a_test_ends_where_nothing_more_can_be_known(
    page: Page, oauth: SignIn, cloud: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(page.checks()) == ["token"] and "Not signed in" in page.checks()["token"][1]
    oauth.granted(TOKEN)
    page.send("POST", "sign-in/token", {"token": TOKEN})
    oauth.expires_at.clear()
    checks = page.checks()
    assert checks[cloud.base_url][0] and checks["token"][0] is False and list(checks)[-1] == "token"
    page.send("PATCH", "settings", {"api_base": "http://127.0.0.1:9"})
    monkeypatch.setattr(secrets, "environment_token", lambda: TOKEN)
    checks = page.checks()
    assert list(checks) == ["http://127.0.0.1:9"] and checks["http://127.0.0.1:9"][0] is False


# Settings.


def setting(page: Page, key: str) -> dict[str, Any]:
    return next(one for one in page.get("settings") if one["field"]["key"] == key)


def test_every_setting_is_on_the_page_below_one_heading(page: Page) -> None:
    shown = {one["field"]["key"] for one in page.get("settings")}
    assert shown == Settings.model_fields.keys() - {"version", "targets"}
    grouped = [key for _name, keys in forms.groups() for key in keys]
    assert shown <= set(grouped) and len(grouped) == len(set(grouped))
    html = page.client.get("setup").text
    for key in shown - {"drafts_dir"}:
        assert f'data-key="{key}"' in html, key
    for key in ("name", *settings_module.Target.model_fields):
        assert f'id="target-{key}"' in html, key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("at_once", 8),
        ("silent_s", 30.5),
        ("strict", True),
        ("language", "zh_CN"),
        ("allow_hosts", ["a.lan", "b.lan"]),
        ("device", "书房"),
        ("max_media_bytes", 1000),
    ],
)
def test_a_setting_is_kept_in_the_file_counts_at_once_and_is_reset(page: Page, key: str, value: Any) -> None:
    before = setting(page, key)
    page.send("PATCH", "settings", {key: value})
    after = setting(page, key)
    assert (after["value"], after["source"]) == (value, "file")
    now = getattr(page.listening.app.settings_now(), key)
    assert (list(now) if isinstance(now, tuple) else now) == value
    page.send("PATCH", "settings", {key: None})
    assert setting(page, key)["value"] == before["default"] and setting(page, key)["source"] == "default"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("at_once", 0, "1"),
        ("at_once", "", ""),
        ("language", "fr", "zh_CN"),
        ("api_base", "http://example.com", "https"),
        ("silent_s", "soon", ""),
        ("allow_hosts", "x", ""),
        ("folders.x", "D:\texture", "single quotes"),
        ("notifications", [], ""),
    ],
)
def test_a_wrong_setting_is_said_at_its_field_and_nothing_is_changed(
    page: Page, key: str, value: Any, words: str
) -> None:
    fields = page.wrong("PATCH", "settings", {"device": "x", key: value})
    assert list(fields) == [key] and words in fields[key]


@pytest.mark.parametrize("key", ["token", "version", "targets", "folders", "no_such", "targets.x.id"])
def test_what_is_no_setting_of_the_page_is_refused(page: Page, key: str) -> None:
    assert page.send("PATCH", "settings", {key: "x"}, status=409)["error"]


def test_what_a_person_wrote_beside_a_setting_stays(page: Page) -> None:
    def by_hand(text: str) -> str:
        return text.replace("version = 1", "version = 1\n# mine\nat_once = 3  # slow computer")

    settings_module.rewrite(by_hand)
    page.send("PATCH", "settings", {"at_once": 2, "folders.客户": "/tmp/x"})
    text = settings_module.settings_file().read_text("utf-8")
    assert "# mine\nat_once = 2  # slow computer" in text
    assert page.listening.app.settings_now().folders == {"客户": Path("/tmp/x")}
    page.send("PATCH", "settings", {"folders.客户": None})
    assert page.listening.app.settings_now().folders == {}


def test_what_the_environment_says_is_told(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COZE_BOT_ID", "9")
    page.send("PATCH", "settings", {"device": "x"})
    one = setting(page, "bot_id")
    assert (one["value"], one["source"], one["overruled_by"]) == ("9", "environment", "COZE_BOT_ID")
    assert "COZE_BOT_ID says so in the environment." in page.client.get("setup").text


def test_another_language_is_that_of_the_next_answer(page: Page) -> None:
    assert '<html lang="en">' in page.client.get("setup").text
    page.send("PATCH", "settings", {"language": "zh_CN"})
    assert '<html lang="zh-CN">' in page.client.get("setup").text


def test_a_broken_file_is_said_and_not_overwritten(page: Page) -> None:
    settings_module.settings_file().write_text('version = 1\nbot_id = "\n', "utf-8")
    assert "line 2" in page.send("PATCH", "settings", {"device": "x"}, status=409)["error"]
    assert page.client.get("setup").status_code == 409


def test_a_disk_that_can_t_be_written_is_said(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(toml_file, "write_private", full)
    assert "No space left" in page.send("PATCH", "settings", {"device": "x"}, status=409)["error"]


# Targets.


def test_targets_are_added_changed_renamed_and_removed(page: Page) -> None:
    made = {"name": "日/更", "kind": "workflow", "id": "7", "parameters": {"topic": "海", "n": 3}, "listen": True}
    page.send("POST", "targets", {**made, "interval": "5m"}, status=201)
    assert page.get("targets")["日/更"]["parameters"] == {"topic": "海", "n": 3}
    assert page.listening.app.standing.always, "it is listened to from now on"

    def by_hand(text: str) -> str:
        return text.replace('id = "7"', 'id = "7"  # ours')

    settings_module.rewrite(by_hand)
    page.send("PUT", "targets/日%2F更", {**made, "name": "每日", "id": "8", "listen": False})
    found = page.get("targets")
    assert list(found) == ["每日"] and found["每日"]["id"] == "8" and found["每日"]["interval"] == "60s"
    assert "# ours" in settings_module.settings_file().read_text("utf-8")
    assert not page.listening.app.standing.always
    assert page.send("DELETE", "targets/每日") == {}
    page.send("DELETE", "targets/每日", status=409)


def test_what_is_wrong_with_a_target_is_said_at_each_field(page: Page) -> None:
    page.send("POST", "targets", {"name": "海报", "kind": "bot", "id": "7"}, status=201)
    wrong = {"name": "7", "kind": "bot", "id": "", "region": "de", "interval": "soon", "runs_a_day": 0, "prompt": 1}
    fields = page.wrong("POST", "targets", wrong)
    assert fields.keys() == {"name", "id", "region", "interval", "runs_a_day", "prompt"}
    assert "already" in page.wrong("POST", "targets", {"name": "海报", "kind": "bot", "id": "8"})["name"]
    assert page.wrong("POST", "targets", {"name": "x", "kind": "bot", "id": "8", "listen": True}).keys() == {"listen"}
    timed = {"name": "x", "kind": "bot", "id": "8", "schedule": "0 8 * * *"}
    assert "prompt" in page.wrong("POST", "targets", timed)["schedule"]
    assert page.wrong("POST", "targets", {}).keys() == {"name", "kind", "id"}
    assert page.wrong("POST", "targets", {"name": "x", "kind": "bot", "id": "8", "api_base": "http://x"}).keys() == {
        "api_base"
    }


@pytest.mark.parametrize(
    ("address", "meaning"),
    [
        ("https://www.coze.cn/space/1/bot/7379165428687536000?x=1", ("7379165428687536000", "bot", "cn", "")),
        ("www.coze.com/space/1/bot/73", ("73", "bot", "com", "")),
        ("https://www.coze.cn/store/agent/75?bot_id=1", ("75", "bot", "cn", "")),
        ("https://www.coze.cn/work_flow?space_id=1&workflow_id=74", ("74", "workflow", "cn", "")),
        ("https://www.coze.cn/space/1/project-ide/88/workflow/74", ("74", "workflow", "cn", "88")),
        ("https://evil.example/space/1/bot/73", ("https://evil.example/space/1/bot/73", None, None, "")),
        (
            "https://coze.cn.evil.example/space/1/bot/73",
            ("https://coze.cn.evil.example/space/1/bot/73", None, None, ""),
        ),
        (" 7379 ", ("7379", None, None, "")),
        ("https://[", ("https://[", None, None, "")),
    ],
)
def test_a_pasted_address_is_the_id_in_it(address: str, meaning: tuple[Any, ...]) -> None:
    found = pasted.pasted(address)
    assert (found.id, found.kind, found.region, found.app_id) == meaning


def test_an_address_may_be_pasted_wherever_an_id_is_wanted(page: Page) -> None:
    bot = "https://www.coze.cn/space/1/bot/73"
    assert page.send("POST", "pasted", {"text": bot})["kind"] == "bot"
    page.send("PATCH", "settings", {"bot_id": bot})
    page.send("POST", "targets", {"name": "x", "kind": "bot", "id": bot}, status=201)
    assert page.listening.app.settings_now().bot_id == page.get("targets")["x"]["id"] == "73"


# The drafts folder, and starting at login.


def test_the_drafts_folder_is_said_with_its_reason_and_chosen(page: Page, root: Path, tmp_path: Path) -> None:
    found = page.get("drafts-folder")
    assert (found["path"], found["chosen"], found["problem"]) == (str(root), True, "")
    other = tmp_path / "草稿"
    other.mkdir()
    assert page.send("PUT", "drafts-folder", {"path": f" {other} "})["path"] == str(other)
    assert page.listening.app.settings_now().drafts_dir == other
    assert not list(other.iterdir()), "the test has left nothing"
    nothing = page.send("PUT", "drafts-folder", {"path": None})
    assert nothing["path"] is None and "JianYing" in nothing["problem"], "none is found on Linux"


@pytest.mark.parametrize("said", ["drafts", "/nowhere/at/all", "/proc/drafts"])
def test_a_folder_that_can_t_be_written_is_not_chosen(page: Page, root: Path, said: str) -> None:
    for method, path in (("PUT", "drafts-folder"), ("POST", "drafts-folder/test")):
        assert list(page.wrong(method, path, {"path": said})) == ["drafts_dir"]
    assert page.send("POST", "drafts-folder/test", {"path": None})["path"] == str(root)


@pytest.mark.skipif(os.name == "nt", reason="the entry of a Linux desktop")
def test_starting_at_login_is_switched(page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert page.get("autostart")["on"] is False
    on = page.send("PUT", "autostart", {"on": True})
    assert on["on"] and Path(on["where"]).is_relative_to(tmp_path) and not on["other"]
    assert page.send("PUT", "autostart", {"on": False})["on"] is False


# The guide.


def test_the_guide_ends_with_a_draft_that_needs_no_account(
    page: Page, root: Path, cloud: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(opener, "open_folder", opened.append)
    page.listening.app.listener.start()
    made = page.send("POST", "demo", status=201)
    for name, said in told(page.client, f"api/v1/requests/{made['id']}/events"):
        if name == "request" and said["state"] in ("done", "failed"):
            break
    assert said["state"] == "done", said["failure"]
    (draft,) = said["drafts"]
    assert sum(draft["segments"].values()) == 12
    assert Path(draft["path"]).parent == root and draft["warnings"] == []
    cover = page.client.get(f"guide/cover/{made['id']}")
    assert cover.headers["content-type"] == "image/jpeg" and cover.content[:2] == b"\xff\xd8"
    assert page.send("POST", f"demo/{made['id']}/open") == {"what": "folder"}
    assert opened == [Path(draft["path"])]
    assert f'data-last="{made["id"]}"' in page.client.get("guide?step=3").text, "it is there when one comes back"
    assert not cloud.received


def test_what_is_not_there_has_no_cover(page: Page) -> None:
    for request_id in ("x", "..%2F..%2Fsettings.toml"):
        assert page.client.get(f"guide/cover/{request_id}").status_code == 404
    assert page.client.get("guide?step=4").status_code == 422


def test_a_page_of_the_demo_shows_the_settings_and_changes_none(
    listen: Callable[..., Listening], cloud: Simulator
) -> None:
    with visit(listen(cloud).app) as client:
        assert "This is the demo" in client.get("setup").text
        for method, path, body in (
            ("PATCH", "settings", {"device": "x"}),
            ("POST", "targets", {"name": "x", "kind": "bot", "id": "7"}),
            ("PUT", "drafts-folder", {"path": None}),
            ("POST", "sign-in/token", {"token": TOKEN}),
            ("DELETE", "sign-in", None),
        ):
            answer = client.request(method, f"api/v1/{path}", json=body)
            assert answer.status_code == 409 and "demo" in answer.json()["error"]
    assert not settings_module.settings_file().exists()


def test_what_can_t_be_used_is_said_of_each_value_and_nothing_is_written() -> None:
    with pytest.raises(configuring.UnfitError) as caught:
        configuring.save({"at_once": 0, "language": "fr", "device": "x"})
    assert caught.value.fields.keys() == {"at_once", "language"}
    assert not settings_module.settings_file().exists()
    assert json.dumps(caught.value.fields)


@pytest.mark.parametrize("value", ["NaN", "[" * 150 + "]" * 150, '{"a":' * 150 + "1" + "}" * 150])
def test_inputs_that_can_t_be_kept_leave_the_settings_as_they_are(page: Page, value: str) -> None:
    before = settings_module.load()
    said = f'{{"name": "口播", "kind": "workflow", "id": "7", "parameters": {{"x": {value}}}}}'
    refused = page.client.post("api/v1/targets", content=said, headers={"Content-Type": "application/json"})
    assert refused.status_code == 409 and "x" in refused.json()["fields"]["parameters"]
    assert settings_module.load() == before


def test_a_file_that_could_not_be_read_again_is_never_written(page: Page) -> None:
    def spoil(_text: str) -> str:
        return 'device = "PC'

    with pytest.raises(SettingsError):
        settings_module.rewrite(spoil)
    assert settings_module.load().device == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows finds a folder for every name")
@pytest.mark.parametrize("key", ["drafts_dir", "inbox", "folders.x"])
def test_a_home_folder_of_nobody_is_said_at_its_field(page: Page, key: str) -> None:
    refused = page.client.patch("api/v1/settings", json={key: "~nobody-of-that-name/x"})
    assert refused.status_code == 409 and refused.json()["fields"][key]
    assert page.client.put("api/v1/drafts-folder", json={"path": "~nobody-of-that-name/x"}).status_code == 409


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_no_address_can_have_is_refused(page: Page, name: str) -> None:
    refused = page.client.post("api/v1/targets", json={"name": name, "kind": "bot", "id": "7"})
    assert refused.status_code == 409 and refused.json()["fields"]["name"]
