"""What a linter nobody here wrote says of the drafts: the npm package capcut-cli, installed beside this repository.

    npm install --no-save capcut-cli@0.23

COZE_TRAY_LINTER names another place of its `capcut`. Without it these tests are skipped, but in CI they fail.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from factory import DATA, png, wav
from specs import FILES, place_media, resolved, resolved_specs
from tray.draft import build as builder
from tray.draft import folders, meta
from tray.draft.spec import DraftSpec
from tray.simulator import demo

CONTENT_RULES = {
    "cue-too-long", "caption-too-fast", "line-too-long", "main-track-gap", "unknown-effect-slug", "unknown-font-id",
    "mask-field-mismatch",  # masks are written for older and newer versions alike, see attached
}  # fmt: skip
"""Rules about what the user wants, and about names that the linter's own tables don't have."""
by_profile = pytest.mark.parametrize("profile", ["jianying", "capcut"])

Lint = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def lint(tmp_path_factory: pytest.TempPathFactory) -> Lint:
    """Gives the issues of a draft folder."""
    said = os.environ.get("COZE_TRAY_LINTER")
    linter = Path(said) if said else Path(__file__).parents[1] / "node_modules" / ".bin" / "capcut"
    if not linter.exists():
        if os.environ.get("CI"):
            pytest.fail(f"the linter is not installed ({linter}): npm install --no-save capcut-cli@0.23")
        pytest.skip(f"the linter is not installed ({linter}): npm install --no-save capcut-cli@0.23")
    if shutil.which("node") is None:
        pytest.fail("the linter is installed, but no node to run it")
    home = tmp_path_factory.mktemp("home")

    def run(folder: Path, profile: str = "jianying") -> list[dict[str, Any]]:
        flags = ["--jianying"] if profile == "jianying" else []
        with (home / f"{folder.name}.json").open("w+b") as out:  # it cuts off what it writes to a pipe
            subprocess.run(
                [linter, "lint", folder, *flags], stdout=out, check=False, env={**os.environ, "HOME": str(home)}
            )
            out.seek(0)
            answer = json.loads(out.read())
        assert "issues" in answer, answer
        return list(answer["issues"])

    return run


def write(spec: DraftSpec, profile: Any, folder: Path) -> Path:
    """A whole draft folder with its media."""
    folder.mkdir(parents=True)
    one = resolved(spec)
    sizes = place_media(folder, one.files)
    content = builder.content(one, profile, folder.as_posix())
    (folder / folders.MAIN).write_bytes(b"".join(builder.encoded(content)))
    facts = meta.Facts(
        folder.name, "F2A0B1C3-0000-4000-8000-000000000001", folder.as_posix(), folder.parent.as_posix(),
        content["duration"], sum(sizes.values()), 1_700_000_000_000_000,
    )  # fmt: skip
    (folder / folders.META).write_text(json.dumps(meta.meta(facts, content["materials"], sizes, profile)), "utf-8")
    return folder


@by_profile
@pytest.mark.parametrize("pieces", [1, 30])
def test_a_plain_draft_of_pictures_speech_and_captions_has_no_issue(pieces, profile, lint, tmp_path):
    picture, other, video, sound, _sound = FILES
    every = range(pieces)
    times = [{"start": 2_000_000 * n, "duration": 2_000_000} for n in every]
    played = {"source_duration": 2_000_000, "speed": 1.0}
    shown = [{**times[n], **played, "media": (picture, other, video)[n % 3], "kind": "video" if n % 3 == 2 else "image",
              "fill": {"blur": 0.375}, "keyframes": {"scale": [{"time": 0, "value": 1}, {"time": 2_000_000, "value": 1.1}]}}
             for n in every]  # fmt: skip
    spoken = [{**times[n], **played, "media": sound, "kind": "audio", "source_start": 1_000_000 * n, "fade_in": 100_000}
              for n in every]  # fmt: skip
    said = [{**times[n], "kind": "text", "text": f"第{n}句，你好", "clip": {"y": -0.8}, "style": {"border": {}, "shadow": {}},
             "ranges": [{"start": 0, "end": 2, "colour": "#FF0000"}]} for n in every]  # fmt: skip
    tracks = [{"kind": kind, "segments": s} for kind, s in (("video", shown), ("audio", spoken), ("text", said))]
    spec = DraftSpec.model_validate({"width": 1080, "height": 1920, "tracks": tracks})
    assert lint(write(spec, profile, tmp_path / "d"), profile) == []


def test_the_demos_draft_has_no_issue(build, lint):
    with demo.simulator() as cloud:
        receipt = build(json.dumps(demo.storyboard(cloud.base_url))).receipts[0]
    assert lint(Path(receipt.path)) == []


@by_profile
def test_random_drafts_break_only_rules_about_what_the_user_wants(profile, lint, tmp_path):
    folders: list[Path] = []

    @settings(
        max_examples=50 if profile == "jianying" else 20, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(resolved_specs(named=profile == "jianying"))
    def collect(spec: DraftSpec) -> None:
        folders.append(write(spec, profile, tmp_path / f"d{len(folders)}"))

    collect()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda folder: lint(folder, profile), folders))
    assert [issue for issues in found for issue in issues if issue["code"] not in CONTENT_RULES] == []


@pytest.mark.parametrize("name", ["complete_draft_export", "batch_draft_export"])
def test_the_sample_exports_break_only_rules_about_what_the_user_wants(name, sample_exports, media, build, lint):
    text = (sample_exports / f"{name}.json").read_text("utf-8").replace("https://example.com", media.url)
    for url in set(re.findall(rf"{media.url}(/[^\"]+)", text)):
        video = (DATA / "video-180s.mp4").read_bytes()
        media.serve(url, video if url.endswith("mp4") else png() if url.endswith("png") else wav(180, 1000))
    receipts = build(text).receipts
    assert receipts
    for receipt in receipts:
        assert [issue for issue in lint(Path(receipt.path)) if issue["code"] not in CONTENT_RULES] == []
