// A bot's answer as nodes: the Markdown that bots write, as text nodes and a few elements. Nothing in it is HTML, no
// picture is loaded, and links only lead to web pages.

const LONGEST = 50000;
const MOST_LINES = 2000;
const INLINE = /(`{1,9})([^`]+)\1|\*\*([^*\n]+)\*\*|!?\[([^[\]\n]*)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>"'`，。；！？、）】》]+)/g;

export function marked(text) {
  const made = document.createDocumentFragment();
  const lines = text.split("\n");
  if (text.length > LONGEST || lines.length > MOST_LINES || /^\s*[[{]/.test(text)) {
    if (text) made.append(element("pre", text));
    return made;
  }
  while (lines.length) made.append(...block(lines));
  return made;
}

function block(lines) {
  // Takes the first block off `lines`.
  const line = lines.shift();
  if (!line.trim()) return [];
  if (/^\s*```/.test(line)) {
    const end = lines.findIndex((other) => /^\s*```/.test(other));
    const code = lines.splice(0, end < 0 ? lines.length : end);
    lines.shift();
    return [element("pre", code.join("\n"))];
  }
  const heading = /^#{1,6}\s+(.*)/.exec(line);
  if (heading) return [inline("p", heading[1], "heading")];
  if (bullet(line)) {
    const kind = /^\s*\d/.test(line) ? "ol" : "ul";
    const list = document.createElement(kind);
    if (kind === "ol") list.start = parseInt(line, 10);
    list.append(inline("li", bullet(line)[1]));
    while (lines.length && bullet(lines[0]) && /^\s*\d/.test(lines[0]) === (kind === "ol")) list.append(inline("li", bullet(lines.shift())[1]));
    return [list];
  }
  const paragraph = [line];
  while (lines.length && lines[0].trim() && !bullet(lines[0]) && !/^\s*```|^#{1,6}\s/.test(lines[0])) paragraph.push(lines.shift());
  return [inline("p", paragraph.join("\n"))];
}

const bullet = (line) => /^\s*(?:[-*•]|\d{1,3}[.)])\s+(.*)/.exec(line);

function inline(name, text, className = "") {
  const made = Object.assign(document.createElement(name), { className });
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    const [whole, , code, strong, label, linked, bare] = found;
    made.append(text.slice(at, found.index));
    if (code !== undefined) made.append(element("code", code));
    else if (strong !== undefined) made.append(element("strong", strong));
    else made.append(link(linked ?? bare, label || linked || bare));
    at = found.index + whole.length;
  }
  made.append(text.slice(at));
  return made;
}

function link(address, text) {
  return Object.assign(document.createElement("a"), { href: address, textContent: text, title: address, target: "_blank", rel: "noopener noreferrer" });
}

function element(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}
