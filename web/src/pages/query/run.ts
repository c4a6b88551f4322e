// Runs a panel's queries: one request each, all cancelled together. What was on screen stays until the new
// answer is there.
import { useCallback, useEffect, useRef, useState } from 'react';
import { isAbort, request, requestBytes, type Params } from '../../api/client';
import type { ExemplarSeries, QueryData, QueryStats } from '../../api/types';
import { noteFresh } from '../../app/refresh';
import { useSettings } from '../../app/settings';
import { exemplarsOf, type Exemplar } from '../../chart/exemplars';
import { decodeRangeAsync } from '../../frame/decode-async';
import type { RangeFrame } from '../../frame/decode';
import { spanAt, type Span } from '../../time/range';
import type { Tab } from './url';

export interface QueryOutcome {
  expr: string;
  path: string;
  params: Params;
  error: Error | null;
  frame: RangeFrame | null;
  // The same range earlier, moved onto the grid of `frame`.
  earlier: RangeFrame | null;
  // null = not asked for.
  exemplars: Exemplar[] | null;
  data: QueryData | null;
  // The bytes of a range answer, for "JSON as answered".
  raw: ArrayBuffer | null;
  stats: QueryStats | undefined;
  warnings: string[];
  infos: string[];
}

export interface RunResult {
  tab: Tab;
  outcomes: (QueryOutcome | null)[];
  elapsedMs: number;
  startMs: number;
  endMs: number;
  stepMs: number;
}

export interface RunRequest {
  exprs: string[];
  tab: Tab;
  span: Span;
  stepMs: number;
  exemplars: boolean;
  compareMs: number;
}

export interface RunState {
  startedAt: number | null;
  results: Partial<Record<Tab, RunResult>>;
  // Set when the last run was cancelled: after how many ms.
  cancelledAfterMs: number | null;
}

// Larger answers are not kept as text as well.
const rawBytesMax = 8 * 1024 * 1024;

async function runOne(
  expr: string,
  run: RunRequest,
  { startMs, endMs }: { startMs: number; endMs: number },
  signal: AbortSignal,
): Promise<QueryOutcome> {
  const instant = run.tab !== 'graph';
  const path = instant ? 'query' : 'query_range';
  const params: Params = instant
    ? { query: expr, time: endMs / 1000, stats: 'true' }
    : { query: expr, start: startMs / 1000, end: endMs / 1000, step: run.stepMs / 1000, stats: 'true' };
  const outcome: QueryOutcome = {
    expr,
    path,
    params,
    error: null,
    frame: null,
    earlier: null,
    exemplars: null,
    data: null,
    raw: null,
    stats: undefined,
    warnings: [],
    infos: [],
  };
  try {
    if (instant) {
      const answer = await request<QueryData>(path, params, { signal, form: true });
      return {
        ...outcome,
        data: answer.data,
        stats: answer.data.stats,
        warnings: answer.warnings,
        infos: answer.infos,
      };
    }
    const [body, earlier, exemplars] = await Promise.all([
      requestBytes(path, params, { signal, form: true }),
      run.compareMs > 0 ? earlierFrame(expr, run, startMs, endMs, signal) : null,
      run.exemplars ? askExemplars(expr, startMs, endMs, signal) : null,
    ]);
    const raw = body.byteLength <= rawBytesMax ? body.slice(0) : null;
    const answer = await decodeRangeAsync(body, { startMs, endMs, stepMs: run.stepMs });
    return { ...outcome, ...answer, raw, earlier, exemplars };
  } catch (error) {
    if (isAbort(error)) throw error;
    return { ...outcome, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

// The query over the range that ended compareMs earlier, as if it were now.
async function earlierFrame(
  query: string,
  run: RunRequest,
  startMs: number,
  endMs: number,
  signal: AbortSignal,
): Promise<RangeFrame> {
  const grid = { startMs: startMs - run.compareMs, endMs: endMs - run.compareMs, stepMs: run.stepMs };
  const params = { query, start: grid.startMs / 1000, end: grid.endMs / 1000, step: run.stepMs / 1000 };
  const body = await requestBytes('query_range', params, { signal, form: true });
  const { frame } = await decodeRangeAsync(body, grid);
  return { ...frame, startMs };
}

async function askExemplars(
  query: string,
  startMs: number,
  endMs: number,
  signal: AbortSignal,
): Promise<Exemplar[]> {
  const params = { query, start: startMs / 1000, end: endMs / 1000 };
  const answer = await request<ExemplarSeries[] | undefined>('query_exemplars', params, {
    signal,
    form: true,
  });
  return exemplarsOf(answer.data ?? []);
}

// `soon`: a run follows at once, so that the first frame already shows that something is on its way.
export function useRun(soon: boolean) {
  const [state, setState] = useState<RunState>({
    startedAt: soon ? Date.now() : null,
    results: {},
    cancelledAfterMs: null,
  });
  const abort = useRef<AbortController | null>(null);

  const cancel = useCallback(() => {
    abort.current?.abort();
    abort.current = null;
    setState((s) =>
      s.startedAt === null ? s : { ...s, startedAt: null, cancelledAfterMs: Date.now() - s.startedAt },
    );
  }, []);

  const run = useCallback(async (what: RunRequest) => {
    abort.current?.abort();
    if (what.exprs.every((e) => e.trim() === '')) {
      abort.current = null;
      setState({ startedAt: null, results: {}, cancelledAfterMs: null });
      return;
    }
    const controller = new AbortController();
    abort.current = controller;
    const startedAt = Date.now();
    // Whole milliseconds, aligned to nothing: the newest sample is the one people look for.
    const covered = spanAt(what.span, startedAt, useSettings.getState().zone);
    setState((s) => ({ ...s, startedAt, cancelledAfterMs: null }));
    try {
      const outcomes = await Promise.all(
        what.exprs.map((expr) =>
          expr.trim() === '' ? null : runOne(expr, what, covered, controller.signal),
        ),
      );
      if (abort.current !== controller) return;
      abort.current = null;
      if (outcomes.some((o) => o && !o.error)) noteFresh();
      const result: RunResult = {
        tab: what.tab,
        outcomes,
        elapsedMs: Date.now() - startedAt,
        ...covered,
        stepMs: what.stepMs,
      };
      setState((s) => ({
        startedAt: null,
        cancelledAfterMs: null,
        results: { ...s.results, [what.tab]: result },
      }));
    } catch (error) {
      // Aborted: cancel() or a newer run has already set the state.
      if (!isAbort(error)) throw error;
    }
  }, []);

  useEffect(() => () => abort.current?.abort(), []);
  return { state, run, cancel };
}
