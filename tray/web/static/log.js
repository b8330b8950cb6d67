// The log as it grows, while it is looked at.

const MOST = 3000;
const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const lines = document.getElementById("lines");
const level = document.getElementById("log-level");
const text = document.getElementById("log-text");
let stream;

export function begin() {
  const part = document.getElementById("log");
  const follow = () => {
    stream?.close();
    stream = undefined;
    if (!part.open || document.hidden) return;
    stream = new EventSource("api/v1/log/events");
    stream.addEventListener("open", () => lines.replaceChildren()); // all is told anew
    stream.addEventListener("log", (event) => add(JSON.parse(event.data)));
  };
  part.addEventListener("toggle", follow);
  document.addEventListener("visibilitychange", follow);
  for (const one of [level, text]) one.addEventListener("input", sift);
}

function add(told) {
  const atEnd = lines.scrollTop + lines.clientHeight > lines.scrollHeight - 20;
  for (const line of told) {
    const goesOn = !line.level && lines.lastElementChild;
    if (goesOn) {
      goesOn.lastElementChild.textContent += `\n${line.text}`;
      goesOn.hidden = !wanted(goesOn);
      continue;
    }
    const row = document.createElement("li");
    row.dataset.level = line.level;
    row.append(piece("time", line.time.slice(5)), piece("span", line.level), piece("span", line.source ? `${line.source}: ${line.text}` : line.text));
    row.hidden = !wanted(row);
    lines.append(row);
  }
  while (lines.childElementCount > MOST) lines.firstElementChild.remove();
  if (atEnd) lines.scrollTop = lines.scrollHeight;
}

function piece(name, said) {
  return Object.assign(document.createElement(name), { textContent: said });
}

function wanted(row) {
  const least = LEVELS.indexOf(level.value);
  return LEVELS.indexOf(row.dataset.level) >= least && row.textContent.toLowerCase().includes(text.value.trim().toLowerCase());
}

function sift() {
  for (const row of lines.children) row.hidden = !wanted(row);
  lines.scrollTop = lines.scrollHeight;
}
