// Lines of a YAML document for showing: coloured pieces and what can be folded. It reads layout, not meaning: text it
// does not understand is shown as it is. Pure.

export type PieceKind = 'key' | 'string' | 'number' | 'word' | 'secret' | 'comment' | 'mark' | 'plain';

export interface Piece {
  kind: PieceKind;
  text: string;
}

export interface YamlLine {
  // 1-based.
  number: number;
  text: string;
  pieces: Piece[];
  // The number of the last line of the block that begins here; 0 = nothing to fold.
  foldEnd: number;
}

const keyPattern = /^((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s#:[\]{},"'][^:#]*?)\s*)(:)(?=\s|$)/;

function valuePieces(text: string): Piece[] {
  const pieces: Piece[] = [];
  let rest = text;
  const space = /^\s+/.exec(rest)?.[0] ?? '';
  if (space) pieces.push({ kind: 'plain', text: space });
  rest = rest.slice(space.length);
  if (rest === '') return pieces;
  // A comment needs a space before it; a # inside quotes is none.
  const comment = /^[^"'#\s]/.test(rest) ? rest.search(/\s#/) : rest.startsWith('#') ? 0 : -1;
  const value = comment < 0 ? rest : rest.slice(0, comment);
  if (value) pieces.push({ kind: kindOf(value.trim()), text: value });
  if (comment >= 0) pieces.push({ kind: 'comment', text: rest.slice(comment) });
  return pieces;
}

function kindOf(value: string): PieceKind {
  if (value === '<secret>') return 'secret';
  if (/^[-+]?(\d[\d_]*)(\.\d+)?([eE][-+]?\d+)?$/.test(value)) return 'number';
  if (/^\d+(\.\d+)?(ms|[smhdwy]|[KMGTPE]i?B|B)(\d+(ms|[smhdwy]))*$/.test(value)) return 'number';
  if (/^(true|false|null|~)$/.test(value)) return 'word';
  if (/^([|>][-+]?\d*|[[\]{}]+)$/.test(value)) return 'mark';
  return 'string';
}

function pieces(text: string): Piece[] {
  const out: Piece[] = [];
  let rest = text;
  const indent = /^\s*(?:-\s+|-$)*/.exec(rest)?.[0] ?? '';
  if (indent) out.push({ kind: 'mark', text: indent });
  rest = rest.slice(indent.length);
  const key = keyPattern.exec(rest);
  if (key) {
    out.push({ kind: 'key', text: key[1] as string }, { kind: 'mark', text: ':' });
    rest = rest.slice(key[0].length);
  }
  return [...out, ...valuePieces(rest)];
}

function indentOf(text: string): number {
  return text.length - text.trimStart().length;
}

export function yamlLines(yaml: string): YamlLine[] {
  const texts = yaml.replace(/\n$/, '').split('\n');
  const lines = texts.map((text, i): YamlLine => ({ number: i + 1, text, pieces: [], foldEnd: 0 }));
  // Inside a block scalar (| or >) everything deeper is text.
  let scalarIndent = -1;
  // Lines whose block is still open, outermost first.
  const open: { line: YamlLine; indent: number; key: boolean }[] = [];
  let last = 0;
  const closeTo = (indent: number, isItem: boolean) => {
    for (let top = open.at(-1); top; top = open.at(-1)) {
      // The items of a list may stand as far left as the key they belong to.
      const inside = indent > top.indent || (indent === top.indent && isItem && top.key);
      if (inside) return;
      if (last > top.line.number) top.line.foldEnd = last;
      open.pop();
    }
  };
  for (const line of lines) {
    const { text } = line;
    if (text.trim() === '') continue;
    const indent = indentOf(text);
    if (scalarIndent >= 0 && indent > scalarIndent) {
      line.pieces = [{ kind: 'string', text }];
      last = line.number;
      continue;
    }
    scalarIndent = -1;
    line.pieces = pieces(text);
    const isItem = /^\s*-(\s|$)/.test(text);
    closeTo(indent, isItem);
    open.push({ line, indent, key: !isItem });
    if (/(^|:|-)\s*[|>][-+]?\d*\s*$/.test(text)) scalarIndent = indent;
    last = line.number;
  }
  closeTo(-1, false);
  return lines;
}

// The lines that are to be seen when the blocks that begin at `folded` are closed.
export function visibleLines(lines: readonly YamlLine[], folded: ReadonlySet<number>): YamlLine[] {
  const out: YamlLine[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as YamlLine;
    out.push(line);
    if (folded.has(line.number) && line.foldEnd > line.number) i = line.foldEnd - 1;
  }
  return out;
}

export function findLines(lines: readonly YamlLine[], search: string): number[] {
  const wanted = search.toLowerCase();
  if (wanted === '') return [];
  return lines.filter((l) => l.text.toLowerCase().includes(wanted)).map((l) => l.number);
}

// #L10 → 10; 0 = names no line.
export function lineOfHash(hash: string): number {
  const found = /^#L(\d{1,7})$/.exec(hash);
  return found ? Number(found[1]) : 0;
}
