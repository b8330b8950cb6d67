"""What an interrupted workflow waits for, read from `interrupt_data`: a tool call, a person's answer, or a failure.

How sure each reading is:
- type 2 (Question) and type 5 (Input) that ask a person: recorded; that their text carries a tool call: plausible.
- what an Input node wants as an answer, a JSON object of its fields: Coze Studio's source
  (backend/domain/workflow/internal/nodes/receiver/input_receiver.go); that a lone text may be put into one: plausible.
- type 6 and type 1 (local plugin): the type is documented, its payload is published nowhere; read as the `function` of
  a chat's tool call. The only published example has none.
- type 7 (OAuth): the type is documented; that a link stands somewhere in its data: plausible.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tray.coze.run import Failed, Question, ToolCall, ToolCalls
from tray.coze.wire import json_value
from tray.locale import _
from tray.text import whole_characters

LOCAL_PLUGIN, QUESTION, INPUT, WORKFLOW_LOCAL_PLUGIN, OAUTH = 1, 2, 5, 6, 7
ASKING = (QUESTION, INPUT)
"""Their question comes before them, as a Message of the same node."""
MOST_FIELDS = 100
DEEPEST = 10

LONGEST_OPTION = 500
"""Characters."""

_URL = re.compile(
    r"https://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?"  # neither a user's name before the host nor letters like others
    r"(?:[/?#][!#-&(-;=?-\[\]-~]{0,2000}|(?=[\"'<>\\\s]|$))"
)


@dataclass(frozen=True)
class Interrupt:
    """`data` and `required_parameters` as Coze said them; `question_text`: the Message before it of the same node, ""
    for none; `resumed`: the events of this run that were answered before."""

    event_id: str
    type: int
    data: Any
    required_parameters: Any
    node_title: str
    question_text: str
    logid: str
    resumed: tuple[str, ...] = ()

    @classmethod
    def from_run(cls, run: Mapping[str, Any]) -> Interrupt:
        """From the `run` of a Started that a workflow told when it was interrupted."""
        return cls(
            str(run["event_id"]),
            int(run["type"]),
            run["data"],
            run["required_parameters"],
            str(run["node_title"]),
            str(run["question_text"]),
            str(run["logid"]),
            tuple(run["resumed"]),
        )

    @property
    def id(self) -> str:
        """Of its call or its question: should an event's id come twice in a run, the second must not be answered with
        what is stored for the first."""
        again = self.resumed.count(self.event_id)
        return f"{self.event_id}#{again}" if again else self.event_id


@dataclass(frozen=True)
class _Field:
    name: str
    type: str
    required: bool


def read(interrupt: Interrupt) -> ToolCalls | Question | Failed:
    """What it waits for: calls to be answered, a question to a person, or why it can't be served."""
    if interrupt.type in ASKING:
        return _carried_or_asked(interrupt)
    if interrupt.type in (LOCAL_PLUGIN, WORKFLOW_LOCAL_PLUGIN):
        return _plugin_call(interrupt)
    if interrupt.type == OAUTH:
        return _account(interrupt)
    return Failed(
        "interrupt",
        _("The workflow waits at node “{node}” for something this program can't give (interrupt type {type}).").format(
            node=interrupt.node_title, type=interrupt.type
        ),
        _("Let a Question or an Input node ask for it instead."),
        interrupt.logid,
    )


def resume_data(interrupt: Interrupt, said: str) -> str:
    """What is sent to Coze for `said`, a tool's output or a person's answer.

    An Input node takes a JSON object of its fields. `said` is sent as it is where it is such an object; anything else
    becomes the value of the one field there is. With several fields nobody can tell, and it is sent as it is.
    """
    if interrupt.type != INPUT:
        return said
    name = _only_field(_fields(interrupt))
    value = json_value(said)
    if not name or (isinstance(value, dict) and name in value):
        return said
    return json.dumps({name: said}, ensure_ascii=False)


def carried(text: Any) -> tuple[str, str] | None:
    """The tool's name and the JSON text of its arguments, where `text` is `{"tool": NAME, "arguments": {…}}`: alone or
    in a Markdown fence, or such a text as a JSON string."""
    if not isinstance(text, str) or "tool" not in text:
        return None
    value = _unwrapped(text)
    if not isinstance(value, dict) or "tool" not in value:
        return None
    return _call(value["tool"], value.get("arguments", ""))


def _carried_or_asked(interrupt: Interrupt) -> ToolCalls | Question:
    data = _unwrapped(interrupt.data)
    content = data.get("content") if isinstance(data, dict) else None
    for text in (interrupt.question_text, interrupt.data, content):
        if call := carried(text):
            return _calls(interrupt, call)
    text, options = _question(interrupt.question_text, data)
    if interrupt.type == INPUT:
        text = _input_question(text, _fields(interrupt))
    text = text or _("The workflow waits for an answer at node “{node}”.").format(node=interrupt.node_title)
    return Question(interrupt.id, text, options)


def _question(said: str, data: Any) -> tuple[str, tuple[str, ...]]:
    """The question and the answers to choose from.

    A question with options is `{"question": …, "options": [{"name": …}]}`; where no Message told it, `data` may hold
    it as the last of its `messages` (Coze Studio's source, nodes/qa/question_answer.go; the hosted Coze is recorded
    with a plain Message and data "")."""
    value = _unwrapped(said)
    messages = data.get("messages") if isinstance(data, dict) else None
    if not said and isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        value = messages[-1].get("content")
        said = value if isinstance(value, str) else ""
    if isinstance(value, dict) and isinstance(value.get("question"), str):
        found = value.get("options")
        names = [o.get("name") if isinstance(o, dict) else o for o in found] if isinstance(found, list) else []
        texts = [name for name in names[:MOST_FIELDS] if isinstance(name, str) and 0 < len(name) <= LONGEST_OPTION]
        return whole_characters(value["question"]), tuple(map(whole_characters, texts))
    return said, ()


def _input_question(said: str, fields: list[_Field]) -> str:
    lines = [said] if said else [_("The workflow asks for:")]
    for field in fields:
        form = _("{name} ({type}, required)") if field.required else _("{name} ({type})")
        lines.append(form.format(name=field.name, type=field.type))
    if fields and not _only_field(fields):
        example = json.dumps({field.name: "…" for field in fields}, ensure_ascii=False)
        lines.append(_("Answer with a JSON object: {example}").format(example=example))
    return "\n".join(lines)


def _fields(interrupt: Interrupt) -> list[_Field]:
    """What an Input node asks for: the list in `data.content`, else the keys of `required_parameters` (documented:
    resume_workflow)."""
    data = _unwrapped(interrupt.data)
    listed = _unwrapped(data.get("content")) if isinstance(data, dict) else None
    found: list[Any] = listed if isinstance(listed, list) else []
    said: Mapping[Any, Any] = (
        interrupt.required_parameters if isinstance(interrupt.required_parameters, dict) else {}
    )  # its types are nearer to people: "image" where the list says "string"
    if not found:
        found = [{**about, "name": name} for name, about in said.items() if isinstance(about, dict)]
    fields = []
    for about in found[:MOST_FIELDS]:
        if isinstance(about, dict) and isinstance(about.get("name"), str) and about["name"]:
            again = said.get(about["name"])
            kind = (again.get("type") if isinstance(again, dict) else None) or about.get("type") or "string"
            fields.append(_Field(whole_characters(about["name"]), str(kind), about.get("required") is True))
    return fields


def _only_field(fields: list[_Field]) -> str:
    """The one required field, or the one there is; "" where several ask."""
    asked = [field for field in fields if field.required] or fields
    return asked[0].name if len(asked) == 1 else ""


def _plugin_call(interrupt: Interrupt) -> ToolCalls | Failed:
    value = _unwrapped(interrupt.data)
    call = None
    if isinstance(value, dict) and "name" in value and "arguments" in value:
        call = _call(value["name"], value["arguments"])
    if call:
        return _calls(interrupt, call)
    said = interrupt.data if isinstance(interrupt.data, str) else json.dumps(interrupt.data, ensure_ascii=False)
    return Failed(
        "interrupt",
        _(
            "The workflow calls a local plugin at node “{node}”, and this program can't read which tool: Coze "
            "publishes nowhere what such an interrupt (type {type}) holds. It held: {data}"
        ).format(node=interrupt.node_title, type=interrupt.type, data=json.dumps(said[:300], ensure_ascii=False)),
        _(
            "It is kept in the journal: please report it, so that it can be learned. Until then let a Question node "
            "carry the call, as the README says, or call the plugin from a bot."
        ),
        interrupt.logid,
    )


def _account(interrupt: Interrupt) -> Question | Failed:
    url = next((url for text in _strings(interrupt.data, DEEPEST) for url in _URL.findall(text)), "")
    if url:
        text = _("The workflow needs an account at node “{node}”. Connect it on this page, then answer anything.")
        return Question(interrupt.id, text.format(node=interrupt.node_title), url=url)
    return Failed(
        "interrupt",
        _("The workflow needs an account that is not connected (node “{node}”).").format(node=interrupt.node_title),
        _("Connect the plugin's account in Coze, then run the workflow again."),
        interrupt.logid,
    )


def _calls(interrupt: Interrupt, call: tuple[str, str]) -> ToolCalls:
    return ToolCalls((ToolCall(interrupt.id, *call),))


def _call(name: Any, arguments: Any) -> tuple[str, str] | None:
    if not isinstance(name, str) or not name:
        return None
    if isinstance(arguments, dict):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return (whole_characters(name), whole_characters(arguments)) if isinstance(arguments, str) else None


def _unwrapped(value: Any) -> Any:
    """The value in a JSON text, also in a fence and encoded several times; what is no JSON as it is."""
    for _round in range(DEEPEST):
        if not isinstance(value, str):
            break
        inner = json_value(_in_fence(value))
        if inner is None:
            break
        value = inner
    return value


def _in_fence(text: str) -> str:
    """What stands between the first and the last fence, without the word that says what it is."""
    _before, _fence, rest = text.partition("```")
    inner, fence, _after = rest.rpartition("```")
    return inner.lstrip(_WORD) if fence else text


_WORD = string.ascii_letters + string.digits + "_-"


def _strings(value: Any, depth: int) -> Iterator[str]:
    value = _unwrapped(value)
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item, depth - 1)
