// The first page must not name a message that only comes with a later one: it would show the key.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { en } from './en';
import { enPages } from './en-pages';

const start = fileURLToPath(new URL('../main.tsx', import.meta.url));

// Files that are loaded with the first page: what `from` names, but not what import() names.
function coreFiles(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  const source = readFileSync(path, 'utf8').replace(/^import type [^;]*;/gms, '');
  for (const [, name] of source.matchAll(/(?:from|^import) '(\.[^']*)'/gm)) {
    const base = join(dirname(path), name as string);
    const found = [`${base}.ts`, `${base}.tsx`, join(base, 'index.ts')].find((file) => existsSync(file));
    if (found) coreFiles(found, seen);
  }
  return seen;
}

test('the first page uses messages of the core only', () => {
  const files = [...coreFiles(start)].filter((file) => !file.includes('/i18n/'));
  expect(files.length).toBeGreaterThan(20);
  const later = new Set(Object.keys(enPages));
  const known = new Set(Object.keys(en));
  for (const file of files) {
    const source = readFileSync(file, 'utf8');
    for (const [, key] of source.matchAll(/'([a-z]+\.[\w.]+)'/gi)) {
      expect(later.has(key as string) && !known.has(key as string), `${file}: ${key}`).toBe(false);
    }
    // t(`settings.theme.${x}`): every key that begins so must be there.
    for (const [, stem] of source.matchAll(/\bt\(`([a-z]+\.[\w.]*)\$\{/gi)) {
      for (const key of later) expect(key.startsWith(stem as string), `${file}: ${key}`).toBe(false);
    }
  }
});
