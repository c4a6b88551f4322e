// Starts what the browser tests look at: the server, a real node_exporter, an exporter with hostile texts, and a
// target that nobody answers for.
//   NARTHEX_BIN       the server under test, default build/release/narthex
//   NARTHEX_UI_DIR    a build of the UI to serve instead of the one in the binary
//   NARTHEX_URL       a running server to test instead (it must scrape as config() says)
//   NODE_EXPORTER_BIN, CHROMIUM_BIN   default from PATH
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, openSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../..', import.meta.url));

export function findProgram(variable, ...names) {
  const given = process.env[variable];
  if (given) return given;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) if (existsSync(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

export function narthexBinary() {
  const path = process.env.NARTHEX_BIN ?? join(root, 'build/release/narthex');
  return existsSync(path) ? path : undefined;
}

// Why the tests cannot run here, or false.
export function missing() {
  if (!process.env.NARTHEX_URL && !narthexBinary()) return 'the server is not built (or set NARTHEX_BIN)';
  if (!findProgram('CHROMIUM_BIN', 'chromium')) return 'chromium is not installed (or set CHROMIUM_BIN)';
  if (!existsSync(join(root, 'web/node_modules/playwright-core'))) return 'the npm packages of web/ are not installed';
  return false;
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const listener = createTcpServer();
    listener.on('error', reject);
    listener.listen(0, '127.0.0.1', () => {
      const { port } = listener.address();
      listener.close(() => resolve(port));
    });
  });
}

export async function waitUntil(condition, what, seconds = 60) {
  const deadline = Date.now() + seconds * 1000;
  let last;
  for (;;) {
    try {
      const result = await condition();
      if (result) return result;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`after ${seconds} s: ${what}${last ? ` (${last.message})` : ''}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

// Label values and HELP that would run if anything took them for HTML.
export const hostileText = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';

function hostileExporter() {
  let scrapes = 0;
  const escaped = hostileText.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  const server = createServer((_request, response) => {
    scrapes++;
    response.setHeader('Content-Type', 'text/plain; version=0.0.4');
    const lines = [
      `# HELP nx_hostile ${hostileText}`,
      '# TYPE nx_hostile gauge',
      `nx_hostile{text="${escaped}"} ${scrapes}`,
      '# HELP nx_wave A gauge that goes up and down.',
      '# TYPE nx_wave gauge',
      ...Array.from({ length: 30 }, (_, i) => `nx_wave{phase="${i}"} ${Math.sin(scrapes / 5 + i).toFixed(4)}`),
      ...['a', 'b', 'c'].map((name) => (scrapes < 6 ? `nx_gone{name="${name}"} 1` : '# gone')),
      '# TYPE nx_took_seconds histogram',
      ...[['0.1', 2], ['0.5', 7], ['+Inf', 9]].map(([le, n]) => `nx_took_seconds_bucket{le="${le}"} ${n * scrapes}`),
      `nx_took_seconds_sum ${scrapes}`,
      `nx_took_seconds_count ${9 * scrapes}`,
      'nx_not_a_number NaN',
      'nx_infinite +Inf',
    ];
    response.end(lines.join('\n') + '\n');
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

export function config(self, node, hostile, dead) {
  return `global: {scrape_interval: 1s, scrape_timeout: 900ms}
scrape_configs:
  - job_name: self
    static_configs: [{targets: ['${self}'], labels: {env: test}}]
  - job_name: node
    static_configs: [{targets: ['${node}']}]
  - job_name: hostile
    static_configs: [{targets: ['${hostile}']}]
  - job_name: dead
    static_configs: [{targets: ['${dead}']}]
  - job_name: relabelled
    basic_auth: {username: reader, password: hush}
    relabel_configs:
      - {source_labels: [__address__], regex: '.*:1', action: drop}
      - {target_label: instance, replacement: renamed}
    static_configs: [{targets: ['${node}', '127.0.0.1:1']}]
`;
}

export class Backend {
  // `args`: flags of the server beside those that every test needs.
  constructor(args = []) {
    this.#args = args;
  }

  url = '';
  #children = [];
  #folder = '';
  #hostile;
  #yaml = '';
  #args;

  #start(program, args, log) {
    const output = openSync(join(this.#folder, log), 'a');
    const child = spawn(program, args, { cwd: this.#folder, stdio: ['ignore', output, output] });
    child.log = join(this.#folder, log);
    this.#children.push(child);
    return child;
  }

  async start() {
    if (process.env.NARTHEX_URL) {
      this.url = process.env.NARTHEX_URL.replace(/\/$/, '');
    } else {
      this.#folder = mkdtempSync(join(tmpdir(), 'narthex-ui-'));
      const [port, nodePort, deadPort] = [await freePort(), await freePort(), await freePort()];
      const nodeExporter = findProgram('NODE_EXPORTER_BIN', 'prometheus-node-exporter', 'node_exporter');
      if (nodeExporter) this.#start(nodeExporter, [`--web.listen-address=127.0.0.1:${nodePort}`], 'node_exporter.log');
      this.#hostile = await hostileExporter();
      const hostilePort = this.#hostile.address().port;
      const yaml = config(...[port, nodePort, hostilePort, deadPort].map((p) => `127.0.0.1:${p}`));
      this.#yaml = yaml;
      writeFileSync(join(this.#folder, 'narthex.yml'), yaml);
      const server = this.#start(
        narthexBinary(),
        [
          `--config.file=${join(this.#folder, 'narthex.yml')}`,
          `--storage.tsdb.path=${join(this.#folder, 'data')}`,
          `--web.listen-address=127.0.0.1:${port}`,
          '--web.enable-admin-api',
          '--web.enable-lifecycle',
          ...this.#args,
          // For work on the UI: the build on disk instead of the one in the binary.
          ...(process.env.NARTHEX_UI_DIR ? [`--web.ui-dir=${process.env.NARTHEX_UI_DIR}`] : []),
        ],
        'narthex.log',
      );
      this.url = `http://127.0.0.1:${port}`;
      await waitUntil(async () => {
        if (server.exitCode !== null) throw new Error(readFileSync(server.log, 'utf8'));
        return (await fetch(`${this.url}/-/ready`)).ok;
      }, 'the server is ready');
    }
    // Enough scrapes for a rate and a line.
    await waitUntil(async () => {
      const answer = await this.query('min(count_over_time(up{job!="dead"}[1m]))');
      return Number(answer.result[0]?.value[1]) >= 8;
    }, 'every target was scraped eight times', 120);
  }

  // Gives the server another configuration, or its own again.
  async reload(yaml = this.#yaml) {
    writeFileSync(join(this.#folder, 'narthex.yml'), yaml);
    return fetch(`${this.url}/-/reload`, { method: 'POST' });
  }

  async query(expression) {
    const answer = await fetch(`${this.url}/api/v1/query?query=${encodeURIComponent(expression)}`);
    return (await answer.json()).data;
  }

  // Throws when a program ended before it was asked to, with the end of its log.
  async stop() {
    const dead = this.#children.find((child) => child.exitCode !== null || child.signalCode !== null);
    const last = dead && readFileSync(dead.log, 'utf8').slice(-4000);
    this.#hostile?.close();
    const exits = this.#children.map((child) =>
      child.exitCode !== null || child.signalCode !== null ? undefined : new Promise((resolve) => child.once('exit', resolve)),
    );
    for (const child of this.#children) child.kill('SIGTERM');
    const late = setTimeout(() => this.#children.forEach((child) => child.kill('SIGKILL')), 10_000);
    await Promise.all(exits);
    clearTimeout(late);
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
    if (dead) {
      const how = dead.signalCode ?? `exit code ${dead.exitCode}`;
      throw new Error(`${dead.spawnargs[0]} ended by itself (${how}); its log:\n${last}`);
    }
  }
}
