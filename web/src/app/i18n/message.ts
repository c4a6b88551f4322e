// Fills ICU-style messages: {name} and {name, plural, one {…} other {…}} with # for the number.

export type Values = Record<string, string | number>;

// Splits at the top level: the text before the group at `open`, and what is inside the group.
function groupEnd(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '{') depth++;
    else if (text[i] === '}' && --depth === 0) return i;
  }
  throw new Error(`unbalanced braces in message: ${text}`);
}

function pluralForm(body: string, form: string): string {
  const forms: Record<string, string> = {};
  let at = 0;
  while (at < body.length) {
    const open = body.indexOf('{', at);
    if (open < 0) break;
    const close = groupEnd(body, open);
    forms[body.slice(at, open).trim()] = body.slice(open + 1, close);
    at = close + 1;
  }
  const chosen = forms[form] ?? forms['other'];
  if (chosen === undefined) throw new Error(`plural without "other": ${body}`);
  return chosen;
}

export function fill(message: string, values: Values, language: string): string {
  let out = '';
  let at = 0;
  for (;;) {
    const open = message.indexOf('{', at);
    if (open < 0) return out + message.slice(at);
    const close = groupEnd(message, open);
    out += message.slice(at, open);
    const inside = message.slice(open + 1, close);
    const plural = /^(\w+), plural,/.exec(inside);
    if (plural) {
      const count = Number(values[plural[1] as string]);
      const form = new Intl.PluralRules(language).select(count);
      const number = new Intl.NumberFormat(language).format(count);
      out += fill(pluralForm(inside.slice(plural[0].length), form), values, language).replaceAll('#', number);
    } else {
      out += String(values[inside] ?? `{${inside}}`);
    }
    at = close + 1;
  }
}

// The names a message needs, sorted: used by the test that compares catalogues.
export function placeholders(message: string): string[] {
  const found = new Set<string>();
  for (const match of message.matchAll(/\{(\w+)(?=[},])/g)) found.add(match[1] as string);
  return [...found].sort();
}
