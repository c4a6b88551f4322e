import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findLines, lineOfHash, visibleLines, yamlLines } from './yaml';

const config = `global:
  scrape_interval: 15s # often
  labels: {a: "b # c"}
scrape_configs:
- job_name: node
  static_configs:
  - targets:
    - host:9100
    - 'other: 1'
  basic_auth:
    password: <secret>
- job_name: x
  text: |
    not: a key
    - nor: an item
remote_write: []
`;

describe('YAML for showing', () => {
  const lines = yamlLines(config);
  const kinds = (number: number) =>
    lines[number - 1]?.pieces
      .filter((p) => p.kind !== 'plain' && p.kind !== 'mark')
      .map((p) => [p.kind, p.text]);
  test('keys, values and comments are told apart', () => {
    expect(kinds(2)).toEqual([
      ['key', 'scrape_interval'],
      ['number', '15s'],
      ['comment', ' # often'],
    ]);
    expect(kinds(5)).toEqual([
      ['key', 'job_name'],
      ['string', 'node'],
    ]);
    expect(kinds(8)).toEqual([['string', 'host:9100']]);
    expect(kinds(9)).toEqual([['string', "'other: 1'"]]);
    expect(kinds(11)?.[1]).toEqual(['secret', '<secret>']);
    expect(kinds(14)).toEqual([['string', '    not: a key']]);
  });
  test('blocks fold where they end, lists under their key', () => {
    const folds = lines.filter((l) => l.foldEnd > 0).map((l) => [l.number, l.foldEnd]);
    expect(folds).toEqual([
      [1, 3],
      [4, 15],
      [5, 11],
      [6, 9],
      [7, 9],
      [10, 11],
      [12, 15],
      [13, 15],
    ]);
    expect(visibleLines(lines, new Set([4])).map((l) => l.number)).toEqual([1, 2, 3, 4, 16]);
    expect(visibleLines(lines, new Set([1, 5])).map((l) => l.number)).toEqual([1, 4, 5, 12, 13, 14, 15, 16]);
  });
  test('search and line links', () => {
    expect(findLines(lines, 'JOB_name')).toEqual([5, 12]);
    expect(findLines(lines, '')).toEqual([]);
    expect(lineOfHash('#L10')).toBe(10);
    expect(lineOfHash('#L')).toBe(0);
  });
  test('whatever the text, no character is lost and folds stay inside', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', ' ', '-', ':', '#', '"', '|', '\n', '[') }),
        (text) => {
          const all = yamlLines(text);
          for (const l of all) {
            const shown = l.pieces.map((p) => p.text).join('');
            expect(shown).toBe(l.text.trim() === '' ? '' : l.text);
            expect(l.foldEnd === 0 || (l.foldEnd > l.number && l.foldEnd <= all.length)).toBe(true);
          }
        },
      ),
    );
  });
});
