// Where in the expression an error of the server lies. Messages carry "line:column: parse error: …", both
// 1-based, the column in bytes of UTF-8.

export interface ErrorSpan {
  from: number;
  to: number;
  message: string;
}

export function errorSpan(expression: string, message: string): ErrorSpan | null {
  const match = /(?:^|[\s:])(\d+):(\d+): (parse error: .*)/s.exec(message);
  if (!match) return null;
  const lines = expression.split('\n');
  const row = Number(match[1]) - 1;
  const line = lines[row];
  if (line === undefined) return null;
  const start = lines.slice(0, row).reduce((sum, l) => sum + l.length + 1, 0);
  const bytes = new TextEncoder().encode(line).slice(0, Math.max(0, Number(match[2]) - 1));
  let from = start + new TextDecoder().decode(bytes).length;
  let to = start + line.length;
  // The word at that place, or the last character when the error is at the end.
  const word = /^(\w+|\W)/.exec(expression.slice(from, to));
  if (word) to = from + (word[0] as string).length;
  else from = Math.max(0, from - 1);
  return from < to ? { from, to, message: match[3] as string } : null;
}
