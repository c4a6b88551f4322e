import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// What index.html's placeholders hold under `npm run dev`, where no server fills them in.
const devPlaceholders: Record<string, string> = {
  base_href: '/',
  title: 'Narthex',
  version: 'dev',
  lookback_delta: '5m',
  agent_mode: 'false',
  ready: 'true',
  consoles_link: '',
};

// The boot script must run before the first paint, so it is a classic blocking script, which Vite does
// not bundle. It is written in plain small JavaScript and only gets its hashed name here.
function bootScript(): Plugin {
  const path = fileURLToPath(new URL('src/boot.js', import.meta.url));
  let serving = false;
  return {
    name: 'narthex-boot-script',
    configResolved(config) {
      serving = config.command === 'serve';
    },
    transformIndexHtml(html) {
      if (!serving) return html;
      const filled = html.replace(/\{\{(\w+)\}\}/g, (_, name: string) => devPlaceholders[name] ?? '');
      return filled.replace('<!--boot-->', '<script src="/src/boot.js"></script>');
    },
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const source = readFileSync(path, 'utf8')
          .replace(/^\s*\/\/.*\n/gm, '')
          .replace(/\n\s*/g, '\n');
        const hash = createHash('sha256').update(source).digest('hex').slice(0, 8);
        const fileName = `assets/boot-${hash}.js`;
        this.emitFile({ type: 'asset', fileName, source });
        const page = bundle['index.html'];
        if (page?.type !== 'asset') throw new Error('index.html is not in the bundle');
        // The two fonts of every page start with the page, not when the styles name them: text is laid out once.
        const fonts = Object.keys(bundle)
          .filter((name) => /latin-wght[^/]*\.woff2$/.test(name))
          .sort()
          .map((name) => `<link rel="preload" href="./${name}" as="font" type="font/woff2" crossorigin />`);
        page.source = String(page.source).replace(
          '<!--boot-->',
          [`<script src="./${fileName}"></script>`, ...fonts].join('\n    '),
        );
      },
    },
  };
}

const target = process.env.NARTHEX_URL ?? 'http://localhost:9090';

export default defineConfig({
  // Relative, so that one build works under every route prefix: <base href> carries the prefix.
  base: './',
  plugins: [bootScript()],
  resolve: {
    alias: [{ find: /^use-sync-external-store\/shim(\/index\.js)?$/, replacement: 'preact/compat' }],
    dedupe: ['preact'],
  },
  build: {
    target: 'es2022',
    // Data URLs would need a looser Content-Security-Policy.
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    sourcemap: true,
    rolldownOptions: {
      // Libraries mark their modules for React's server components; here that means nothing.
      onLog: (level, log, handler) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handler(level, log);
      },
    },
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 800,
  },
  worker: { format: 'es' },
  server: { proxy: { '/api': target, '/-/': target } },
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}', 'tests/**/*.test.{ts,tsx}'],
    server: { deps: { inline: [/react/, /preact/, /wouter/, /zustand/, /tanstack/] } },
    // Property tests on a busy machine take longer than the five seconds that are the default.
    testTimeout: 30_000,
    reporters: ['default', 'json'],
    outputFile: { json: '../build/test-logs/vitest.json' },
  },
});
