// After vite: compresses the assets, collects the licences and writes manifest.txt, from which the server
// embeds the files.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { collectLicences } from './licences.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
};
// Compressed already, or a template that the server compresses once it is filled in.
const asIs = new Set(['.woff2', '.png', '.html']);

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

function variants(path, content) {
  if (asIs.has(extname(path))) return [];
  const made = [
    [
      'br',
      brotliCompressSync(content, {
        params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
      }),
    ],
    ['gzip', gzipSync(content, { level: 9 })],
  ];
  return made.filter(([, bytes]) => bytes.length <= content.length * 0.95);
}

writeFileSync(join(dist, 'assets/licenses.txt'), collectLicences(root));
rmSync(join(dist, 'manifest.txt'), { force: true });

const lines = [];
for (const path of files(dist)) {
  const extension = extname(path);
  // Source maps are for developers; .br and .gz are variants of files listed under their own names.
  if (extension === '.map' || extension === '.br' || extension === '.gz') continue;
  const type = types[extension];
  if (!type) throw new Error(`no content type for ${path}`);
  const content = readFileSync(path);
  const etag = createHash('sha256').update(content).digest('hex').slice(0, 16);
  const url = `/${relative(dist, path).replaceAll('\\', '/')}`;
  const file = url.slice(1);
  lines.push([url, 'identity', etag, statSync(path).size, file, type]);
  for (const [encoding, bytes] of variants(path, content)) {
    const suffix = encoding === 'br' ? '.br' : '.gz';
    writeFileSync(path + suffix, bytes);
    lines.push([url, encoding, etag, bytes.length, file + suffix, type]);
  }
}
// By URL, then identity, br, gzip: the order in which the server looks.
const rank = { identity: 0, br: 1, gzip: 2 };
lines.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : rank[a[1]] - rank[b[1]]));
const header = '# url\tencoding\tetag\tbytes\tfile\tcontent type\n';
writeFileSync(join(dist, 'manifest.txt'), header + lines.map((l) => l.join('\t')).join('\n') + '\n');

const total = lines.reduce((sum, l) => sum + l[3], 0);
console.log(`${lines.length} files, ${(total / 1024).toFixed(0)} kB to embed`);
