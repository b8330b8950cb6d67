"""What a mailbox workflow puts out, in every wrapping that Coze's nodes give it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import draft, export, segment, track
from tray.delivered import LONGEST_ARGUMENTS, Item, Unreadable, read

ONE = draft(track(segment()))
SAID = export(ONE)
CALL = {"id": "1", "tool": "generate_draft", "arguments": {"content": SAID}}


def dumped(value: Any, times: int = 1) -> str:
    for _n in range(times):
        value = json.dumps(value, ensure_ascii=False)
    return str(value)


def entries(text: str) -> list[Item | Unreadable]:
    found, more = read(text)
    assert not more
    return found


@pytest.mark.parametrize(
    "text",
    [
        dumped([CALL]),
        dumped(CALL),
        dumped([CALL], 2),
        dumped({"output": [CALL]}),
        dumped({"output": dumped([CALL])}),
        dumped({"output": dumped([CALL], 3)}),
        dumped({"output": dumped({"output": dumped([CALL])})}),
        dumped({"items": [dumped(CALL)], "count": 1}),
        dumped({"output": [{**CALL, "arguments": dumped(CALL["arguments"])}]}),
        dumped({"output": [{**CALL, "arguments": dumped(CALL["arguments"], 2)}]}),
        dumped([{**CALL, "id": 1}]),
        f"```json\n{dumped([CALL])}\n```",
    ],
)
def test_a_list_of_calls_is_found_however_it_is_wrapped(text):
    (item,) = entries(text)
    assert isinstance(item, Item)
    assert (item.id, item.tool) == ("1", "generate_draft")
    assert json.loads(item.arguments) == CALL["arguments"]


@pytest.mark.parametrize("text", ["", " ", "null", "[]", "{}", dumped({"output": ""}), dumped({"output": None}),
                                  dumped({"output": "[]"}), dumped({"output": []}), dumped([None, ""])])  # fmt: skip
def test_an_empty_mailbox_is_nothing(text):
    assert entries(text) == []


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (SAID, [ONE["draft_id"]]),
        (dumped({"output": SAID}), [ONE["draft_id"]]),
        (dumped([ONE, {**ONE, "draft_id": "x"}]), [ONE["draft_id"], "x"]),
        (dumped({"output": dumped([SAID, SAID])}), [ONE["draft_id"], ONE["draft_id"]]),
        (dumped([{"id": 5, "draft": SAID}]), ["5"]),  # a row of a table as it is
        (dumped({"drafts": [ONE, {**ONE, "draft_id": "x"}]}), [ONE["draft_id"]]),  # one export is one call
    ],
)
def test_a_draft_as_it_is_is_a_call_of_generate_draft(text, ids):
    found = entries(text)
    assert [one.id for one in found] == ids
    for item in found:
        assert isinstance(item, Item) and item.tool == "generate_draft"
        assert "tracks" in json.loads(item.arguments)["content"]


def test_what_has_no_id_gets_one_by_what_it_says():
    recipe = {"recipe": [{"text": "你好"}]}
    (first,), (again,) = entries(dumped([recipe])), entries(dumped({"output": dumped([recipe])}))
    (other,) = entries(dumped([{"recipe": [{"text": "再见"}]}]))
    assert first.id == again.id != other.id
    assert all(len(one.id) == 32 for one in (first, other))


@pytest.mark.parametrize(
    ("text", "id", "reason"),
    [
        ("你好", "", "no list"),
        ("[" * 100_000, "", "no list"),
        (dumped({"output": "没有"}), "", "neither"),
        (dumped([1]), "", "neither"),
        (dumped([{"id": "9", "x": [1]}]), "9", "neither"),
        (dumped([{"id": True, "tool": "t"}]), "", "its id"),
        (dumped([{"id": ["a"], "tool": "t"}]), "", "its id"),
        (dumped([{"id": "a" * 201, "tool": "t"}]), "", "its id"),
        (dumped([{"id": "9", "tool": 5}]), "9", "no name"),
        (dumped([{"id": "9", "tool": ""}]), "9", "no name"),
        (dumped([{"id": "9", "tool": "t" * 101}]), "9", "no name"),
        (dumped([{"id": "9", "tool": "t", "arguments": "x"}]), "9", "no JSON object"),
        (dumped([{"id": "9", "tool": "t", "arguments": [1]}]), "9", "no JSON object"),
    ],
)
def test_what_can_t_be_read_says_why_and_whose_it_is(text, id, reason):
    (found,) = entries(text)
    assert isinstance(found, Unreadable)
    assert found.id == id and reason in found.reason and len(found.reason) < 300


def test_what_is_too_long_or_too_many_is_left():
    (found,) = entries(dumped([{"id": "9", "tool": "t", "arguments": {"x": "a" * LONGEST_ARGUMENTS}}]))
    assert isinstance(found, Unreadable) and found.id == "9"
    found_of_many, more = read(dumped([{"id": str(n), "tool": "t"} for n in range(250)]))
    assert (len(found_of_many), more) == (200, 50)


def test_half_an_emoji_is_no_trouble():
    (item,) = entries('[{"id": "a\\ud83d", "tool": "t", "arguments": {"x": "\\ud83d"}}]')
    item.id.encode()
    assert isinstance(item, Item)
    item.arguments.encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "tool", "arguments", "output", "draft_id", "tracks", "drafts", "x"]), inner
        )
        | inner.map(json.dumps)
    ),
)


@given(JSON)
def test_nothing_that_comes_raises(value):
    for one in read(json.dumps(value))[0]:
        assert isinstance(one.id, str) and len(one.id) <= 200
        if isinstance(one, Item):
            assert one.tool and isinstance(json.loads(one.arguments), dict)


def test_a_large_export_is_read_in_reasonable_time():
    large = export(draft(track(*[segment(start=n, end=n + 1) for n in range(20_000)])))
    began = time.monotonic()
    (item,) = entries(
        dumped({"output": dumped([{"id": "1", "tool": "generate_draft", "arguments": {"content": large}}])})
    )
    assert isinstance(item, Item)
    assert time.monotonic() - began < 2
