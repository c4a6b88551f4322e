// Serves dist/ as the server does (same headers, same template) and passes the API on, for work on the UI
// without building the server: node scripts/serve.mjs [port] [upstream URL] [prefix]
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const port = Number(process.argv[2] ?? 8080);
const upstream = new URL(process.argv[3] ?? 'http://localhost:9090');
const prefix = (process.argv[4] ?? '').replace(/\/$/, '');

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'self'",
  "frame-ancestors 'self'",
].join('; ');
const security = {
  'Content-Security-Policy': policy,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
};
const values = {
  base_href: `${prefix}/`,
  title: 'Narthex',
  version: 'dev',
  lookback_delta: '5m',
  agent_mode: 'false',
  ready: 'true',
  consoles_link: '',
};

const table = new Map();
for (const line of readFileSync(join(dist, 'manifest.txt'), 'utf8').split('\n')) {
  if (!line || line.startsWith('#')) continue;
  const [url, encoding, etag, , file, type] = line.split('\t');
  const entry = table.get(url) ?? { type, etag, files: {} };
  entry.files[encoding] = file;
  table.set(url, entry);
}
const page = readFileSync(join(dist, 'index.html'), 'utf8').replace(
  /\{\{(\w+)\}\}/g,
  (_, name) => values[name] ?? '',
);

createServer((req, res) => {
  const { pathname, search } = new URL(req.url, 'http://x');
  const path = pathname.startsWith(prefix) ? pathname.slice(prefix.length) : pathname;
  if (path.startsWith('/api/') || path.startsWith('/-/')) {
    const onward = request(
      {
        host: upstream.hostname,
        port: upstream.port,
        path: path + search,
        method: req.method,
        headers: req.headers,
      },
      (answer) => {
        res.writeHead(answer.statusCode, answer.headers);
        answer.pipe(res);
      },
    );
    onward.on('error', () => res.destroy());
    res.on('close', () => onward.destroy());
    req.pipe(onward);
    return;
  }
  if (path === '/' || path === '/query' || path === '/targets') {
    res.writeHead(200, {
      ...security,
      'Content-Type': 'text/html; charset=utf-8',
      'Cache-Control': 'no-cache',
    });
    res.end(page);
    return;
  }
  const entry = table.get(path);
  if (!entry) {
    res.writeHead(404, { 'Content-Type': 'text/plain' });
    res.end('404 page not found\n');
    return;
  }
  const accepted = req.headers['accept-encoding'] ?? '';
  const encoding = ['br', 'gzip'].find((e) => entry.files[e] && accepted.includes(e)) ?? 'identity';
  res.writeHead(200, {
    ...security,
    'Content-Type': entry.type,
    ETag: `"${entry.etag}"`,
    'Cache-Control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    Vary: 'Accept-Encoding',
    ...(encoding === 'identity' ? {} : { 'Content-Encoding': encoding }),
  });
  res.end(readFileSync(join(dist, entry.files[encoding])));
}).listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}${prefix}/query → ${upstream.href}`));
