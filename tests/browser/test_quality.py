"""Every page, in both languages, light and dark, on a phone and on a wide screen: it can be read and used by everyone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from every_page import PAGES, STATES, furnish, show
from listening import Listening
from real_chromium import is_missing
from tray import locale
from tray.simulator.demo import simulator

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LANGUAGES = ("en", "zh_CN")


@pytest.fixture(scope="module", params=LANGUAGES)
def furnished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """A program with something to show on each page, in each language."""
    folder = tmp_path_factory.mktemp("program")
    root = folder / "Projects" / "com.lveditor.draft"
    root.mkdir(parents=True)
    with simulator(pace_s=0) as cloud:
        workflow = {"kind": "workflow", "id": "7379165428687536001", "parameters": {"topic": "秋天", "scenes": 4}}
        settings = {"bot_id": "7379165428687536000", "language": request.param, "targets": {"每日短片": workflow}}
        program = Listening(folder / "home", root, cloud, settings=settings)
        try:
            furnish(program)
            yield program
        finally:
            program.app.close()
            locale.use("en")


def test_every_page_is_looked_at(look: Callable[..., Any], furnished: Listening) -> None:
    tab = look(furnished).tab
    leads_to = tab.eval_on_selector_all("header nav a, footer a", "all => all.map(one => one.getAttribute('href'))")
    assert leads_to and set(leads_to) <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_for_everyone(look: Callable[..., Any], furnished: Listening, page: str) -> None:
    if not AXE.is_file():
        is_missing("axe-core is not installed (npm install --no-save axe-core@4)")
    seen, wrong = look(furnished), []
    show(seen, page)
    seen.tab.evaluate(AXE.read_text("utf-8"))
    for width, theme in itertools.product((1600, 380), ("light", "dark")):
        seen.tab.set_viewport_size({"width": width, "height": 800})
        seen.tab.emulate_media(color_scheme=theme)
        found = seen.tab.evaluate(BY_AXE, RULES) + seen.tab.evaluate(SEEN)
        wrong += [f"{width} px, {theme}: {one}" for one in found]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("furnished", ["en"], indirect=True, scope="module")
def test_what_opens_on_a_page_is_for_everyone(look: Callable[..., Any], furnished: Listening, state: str) -> None:
    if not AXE.is_file():
        is_missing("axe-core is not installed (npm install --no-save axe-core@4)")
    seen, wrong = look(furnished), []
    STATES[state](seen)
    seen.tab.evaluate(AXE.read_text("utf-8"))
    for width, theme in itertools.product((1600, 380), ("light", "dark")):
        seen.tab.set_viewport_size({"width": width, "height": 800})
        seen.tab.emulate_media(color_scheme=theme)
        wrong += [f"{width} px, {theme}: {one}" for one in seen.tab.evaluate(BY_AXE, RULES) + seen.tab.evaluate(SEEN)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [380, 1600])
@pytest.mark.parametrize("furnished", ["en"], indirect=True, scope="module")
def test_everything_is_reached_by_the_tab_key_and_shows_that_it_is(
    look: Callable[..., Any], furnished: Listening, width: int, page: str
) -> None:
    seen = look(furnished, width=width)
    show(seen, page)
    wanted = seen.tab.evaluate(FOCUSABLE)
    reached: list[int] = []
    wrong = []
    while len(reached) < wanted + 5:
        seen.tab.keyboard.press("Tab")
        found = seen.tab.evaluate(FOCUSED)
        if found is None or found["number"] in reached:
            break
        reached.append(found["number"])
        wrong += [f"{found['what']} {why}" for why in found["wrong"]]
    wrong += [f"not reached: {one}" for one in seen.tab.evaluate(MISSED, reached)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("furnished", ["en"], indirect=True, scope="module")
def test_text_of_twice_the_size_neither_overlaps_nor_leaves_the_screen(
    look: Callable[..., Any], furnished: Listening, page: str
) -> None:
    seen = look(furnished, width=1280)
    show(seen, page)
    seen.tab.evaluate("document.documentElement.style.fontSize = '200%'")  # as a browser that is told so
    wrong = seen.tab.evaluate(SEEN) + seen.tab.evaluate(OVERLAPS)
    assert not wrong, "\n".join(wrong)


def test_the_skip_link_leads_to_the_content_without_loading_the_page_anew(
    look: Callable[..., Any], furnished: Listening
) -> None:
    seen = look(furnished, "?prompt=%E6%B5%B7")
    seen.tab.evaluate("window.isTheSame = true")
    seen.tab.keyboard.press("Tab")
    seen.tab.keyboard.press("Enter")
    assert seen.tab.evaluate("document.activeElement.id") == "main"
    assert seen.tab.evaluate("window.isTheSame")


def test_without_scripts_a_page_says_that_it_needs_them(look: Callable[..., Any], furnished: Listening) -> None:
    seen = look(furnished, java_script_enabled=False)
    assert "JavaScript" in seen.tab.inner_text("main")


BY_AXE = """async (rules) => {
  const found = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
  return found.violations.flatMap((one) => one.nodes.map((node) =>
    `${one.impact} ${one.id}: ${one.help}: ${node.target.join(" ")}: ${node.any[0]?.message ?? node.all[0]?.message ?? ""}`));
}"""

SEEN = """() => {
  const wrong = [];
  const shown = (one) => one.checkVisibility({ visibilityProperty: true });
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > room) {
    const wide = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > room + 1);
    wrong.push(`scrolls sideways: ${wide.slice(0, 5).map((one) => `${one.tagName}.${one.className}`)}`);
  }
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(shown).map((one) => +one.tagName[1]);
  if (headings.filter((one) => one === 1).length !== 1) wrong.push(`has not one h1: ${headings}`);
  headings.forEach((one, n) => { if (one > (headings[n - 1] ?? 0) + 1) wrong.push(`leaves out a heading: ${headings}`); });
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    const named = field.labels?.length || field.getAttribute("aria-label") || field.getAttribute("aria-labelledby");
    if (shown(field) && !named) wrong.push(`no label: ${field.outerHTML.slice(0, 80)}`);
  }
  for (const button of document.querySelectorAll("button, a[href]")) {
    const { width, height } = button.getBoundingClientRect();
    const inText = button.tagName === "A" && getComputedStyle(button).display === "inline";
    if (shown(button) && !inText && !button.classList.contains("skip") && (width < 24 || height < 24))
      wrong.push(`too small to hit: ${button.outerHTML.slice(0, 80)} (${Math.round(width)}x${Math.round(height)})`);
  }
  const moving = document.getAnimations();
  if (moving.length) wrong.push(`moves though the user wants no motion: ${moving.length}`);
  if (!document.title.trim() || document.title.startsWith(" –")) wrong.push("no title");
  return wrong;
}"""

FOCUSABLE = """() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
  const names = new Set();
  window.wanted = all.filter((one) => {
    if (one.disabled || one.tabIndex < 0 || !one.checkVisibility({ visibilityProperty: true })) return false;
    if (one.type !== "radio") return true;
    const is_new = !names.has(one.name); // of a group one is reached, the arrow keys lead to the others
    names.add(one.name);
    return is_new;
  });
  window.said = (one) => one.outerHTML.slice(0, 90);
  document.activeElement?.blur();
  getSelection().removeAllRanges();
  return window.wanted.length;
}"""

MISSED = "reached => window.wanted.filter((_, number) => !reached.includes(number)).map(window.said)"

FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const unseen = one.getBoundingClientRect().width <= 1; // its label stands for it
  const seen = unseen ? one.labels[0] : one;
  const style = getComputedStyle(seen);
  const box = seen.getBoundingClientRect();
  const wrong = [];
  if ((style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) && style.boxShadow === "none") wrong.push("does not show the focus");
  if (box.bottom < 0 || box.top > innerHeight || box.right < 0 || box.left > innerWidth) wrong.push("is out of sight");
  const top = document.elementFromPoint(Math.max(0, box.left) + Math.min(box.width, 8) / 2, (Math.max(0, box.top) + Math.min(innerHeight, box.bottom)) / 2);
  if (top && !seen.contains(top) && !top.contains(seen)) wrong.push(`is covered by ${window.said(top)}`);
  let number = window.wanted.indexOf(one);
  if (number < 0 && one.type === "radio") number = window.wanted.findIndex((other) => other.name === one.name);
  return { number, what: window.said(one), wrong };
}"""

OVERLAPS = """() => {
  const boxes = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const parent = text.parentElement;
    if (!text.data.trim() || parent.closest("svg, .skip, noscript") || !parent.checkVisibility({ visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) {
      const lines = { left: box.left + 1, right: box.right - 1, top: box.top + box.height / 4, bottom: box.bottom - box.height / 4 };
      for (let clips = parent; clips; clips = clips.parentElement) {
        if (getComputedStyle(clips).overflowX === "visible") continue;
        const edge = clips.getBoundingClientRect();
        lines.left = Math.max(lines.left, edge.left);
        lines.right = Math.min(lines.right, edge.right);
        lines.top = Math.max(lines.top, edge.top);
        lines.bottom = Math.min(lines.bottom, edge.bottom);
      }
      if (lines.right - lines.left > 2 && lines.bottom > lines.top) boxes.push({ said: text.data.trim().slice(0, 30), parent, ...lines });
    }
  }
  const wrong = [];
  boxes.forEach((one, n) => {
    for (const other of boxes.slice(n + 1)) {
      const overlap = one.parent !== other.parent && one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
      if (overlap) wrong.push(`overlap: "${one.said}" and "${other.said}"`);
    }
  });
  return wrong.slice(0, 10);
}"""
