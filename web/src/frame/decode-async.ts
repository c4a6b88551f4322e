// Decodes on the main thread when that takes a few milliseconds, else in a worker.
import { decodeRange, type Grid, type RangeAnswer } from './decode';
import type { DecodeRequest } from './decode.worker';

// About 10 ms of JSON.parse on the slower half of machines.
const mainThreadBytesMax = 512 * 1024;

interface Waiting {
  resolve: (answer: RangeAnswer) => void;
  reject: (error: Error) => void;
}

let worker: Worker | undefined;
let nextId = 1;
const waiting = new Map<number, Waiting>();

function startWorker(): Worker {
  const started = new Worker(new URL('./decode.worker.ts', import.meta.url), { type: 'module' });
  started.addEventListener(
    'message',
    (event: MessageEvent<{ id: number; answer?: RangeAnswer; error?: string }>) => {
      const { id, answer, error } = event.data;
      const entry = waiting.get(id);
      waiting.delete(id);
      if (answer) entry?.resolve(answer);
      else entry?.reject(new Error(error ?? 'the decoder failed'));
    },
  );
  started.addEventListener('error', (event) => {
    for (const entry of waiting.values()) entry.reject(new Error(event.message || 'the decoder failed'));
    waiting.clear();
    started.terminate();
    worker = undefined;
  });
  return started;
}

export async function decodeRangeAsync(body: ArrayBuffer, grid: Grid): Promise<RangeAnswer> {
  if (body.byteLength <= mainThreadBytesMax) return decodeRange(body, grid);
  worker ??= startWorker();
  const id = nextId++;
  const message: DecodeRequest = { id, body, grid };
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker?.postMessage(message, [body]);
  });
}
