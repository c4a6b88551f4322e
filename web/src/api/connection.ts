// Whether the server answers at all and whether it is ready, as seen by every request.
import { create } from 'zustand';

export interface Connection {
  state: 'ok' | 'lost' | 'starting';
  // When the next attempt is made, in ms since the epoch; 0 = none planned.
  retryAt: number;
  attempt: number;
  replay: { min: number; max: number; current: number } | null;
}

export const useConnection = create<Connection>(() => ({
  state: 'ok',
  retryAt: 0,
  attempt: 0,
  replay: null,
}));

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;

// Called when the server is back after having been away.
export function onReconnect(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function plan(delayMs: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void probe(), delayMs);
  useConnection.setState({ retryAt: Date.now() + delayMs });
}

export function noteUnreachable(): void {
  if (useConnection.getState().state === 'lost') return;
  useConnection.setState({ state: 'lost', attempt: 0 });
  plan(1000);
}

export function noteReachable(status: number): void {
  const { state } = useConnection.getState();
  if (status === 503 && state !== 'starting') {
    // Either still starting or a query's timeout: /-/ready tells.
    void probe();
  } else if (status !== 503 && state === 'lost') {
    void probe();
  }
}

async function readReplay(): Promise<Connection['replay']> {
  try {
    const answer = await fetch(new URL('api/v1/status/walreplay', document.baseURI));
    const body = (await answer.json()) as { data?: Connection['replay'] };
    return body.data ?? null;
  } catch {
    return null;
  }
}

export async function probe(): Promise<void> {
  clearTimeout(timer);
  const before = useConnection.getState();
  let status = 0;
  try {
    status = (await fetch(new URL('-/ready', document.baseURI), { cache: 'no-store' })).status;
  } catch {
    status = 0;
  }
  if (status === 0) {
    const attempt = before.attempt + 1;
    useConnection.setState({ state: 'lost', attempt });
    plan(Math.min(1000 * 2 ** attempt, 30_000));
  } else if (status === 503) {
    useConnection.setState({ state: 'starting', attempt: 0, replay: await readReplay() });
    plan(1000);
  } else {
    useConnection.setState({ state: 'ok', attempt: 0, retryAt: 0, replay: null });
    if (before.state !== 'ok') for (const listener of listeners) listener();
  }
}
