// The licence texts of the packages whose code or files are in the bundle.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const allowed = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'Unlicense',
  'OFL-1.1',
  '(Unlicense OR Apache-2.0)',
  'BlueOak-1.0.0',
]);

// Everything that `dependencies` reach, by name.
function shipped(root) {
  const seen = new Map();
  const visit = (name, from) => {
    const nested = join(from, 'node_modules', name);
    const folder = existsSync(nested) ? nested : join(root, 'node_modules', name);
    if (seen.has(folder) || !existsSync(folder)) return;
    const info = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    seen.set(folder, info);
    for (const next of Object.keys(info.dependencies ?? {})) visit(next, folder);
  };
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of Object.keys(own.dependencies)) visit(name, root);
  return [...seen].sort(([, a], [, b]) => (a.name < b.name ? -1 : 1));
}

export function collectLicences(root) {
  let out = 'Narthex is licensed under the Apache License 2.0. Its web UI contains these works:\n';
  for (const [folder, info] of shipped(root)) {
    if (!allowed.has(info.license))
      throw new Error(`${info.name}: licence ${info.license} is not among the accepted ones`);
    const file = readdirSync(folder).find((f) => /^(licen[cs]e|copying|unlicense)/i.test(f));
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '';
    out += `\n${'='.repeat(72)}\n${info.name} ${info.version} (${info.license})\n\n${text || 'No licence text is in the package.'}\n`;
  }
  return out;
}
