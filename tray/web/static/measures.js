// Times, sizes and lengths as people read them.

const language = document.documentElement.lang;

export function size(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.round(bytes / 1e3)} kB`;
}

export function span(us) {
  const seconds = Math.round(us / 1e6);
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function when(us, seconds = false) {
  // The time of the day, and the day where it is not today.
  const date = new Date(us / 1000);
  const time = { hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) };
  const day = date.toDateString() === new Date().toDateString() ? {} : { month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(language, { ...day, ...time, hour12: false }).format(date);
}

export function length(text) {
  // In characters, as Python counts them.
  let n = text.length;
  for (const _half of text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) n -= 1;
  return n;
}
