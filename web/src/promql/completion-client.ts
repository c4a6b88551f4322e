// What completion asks the server. Every list is limited: a server with 150,000 names is asked for those
// that hold the word being typed, not for all.
import type { Matcher } from '@prometheus-io/codemirror-promql/dist/esm/types';
import { labelMatchersToString } from '@prometheus-io/codemirror-promql/dist/esm/parser/matcher';
import type { PrometheusClient } from '@prometheus-io/codemirror-promql/dist/esm/client';
import { request, type Params } from '../api/client';
import type { MetricMetadata } from '../api/types';
import { quote } from '../frame/labels';

const listMax = 1000;
const metadataMax = 3000;
const cacheMs = 60_000;
const lookbackMs = 12 * 3_600_000;

export class CompletionClient implements PrometheusClient {
  private readonly cache = new Map<string, { at: number; value: Promise<unknown> }>();
  // Whether the last list of metric names was cut: then the next letter must ask again.
  truncated = false;

  private cached<T>(path: string, params: Params): Promise<T> {
    const key = `${path}?${JSON.stringify(params)}`;
    const found = this.cache.get(key);
    if (found && Date.now() - found.at < cacheMs) return found.value as Promise<T>;
    // Completion is a help: without an answer there is just nothing to offer.
    const value = request<T>(path, params).then(
      (answer) => answer.data,
      () => {
        this.cache.delete(key);
        return [] as unknown as T;
      },
    );
    if (this.cache.size > 200) this.cache.clear();
    this.cache.set(key, { at: Date.now(), value });
    return value;
  }

  private window(): Params {
    // Rounded to a minute, so that equal questions stay equal.
    const minute = Math.floor(Date.now() / 60_000) * 60;
    return { start: minute - lookbackMs / 1000, end: minute + 60 };
  }

  private selector(metricName?: string, matchers?: Matcher[], labelName?: string): string | undefined {
    if (!metricName && !matchers?.length) return undefined;
    const text = labelMatchersToString(metricName ?? '', matchers, labelName);
    return text === '' || text === '{}' ? undefined : text;
  }

  async metricNames(prefix = ''): Promise<string[]> {
    const word = prefix.replace(/[^a-zA-Z0-9_:]/g, '');
    const match = word ? `{__name__=~${quote(`(?i).*${word}.*`)}}` : undefined;
    const params: Params = { ...this.window(), limit: listMax };
    if (match) params['match[]'] = match;
    const names = await this.cached<string[]>('label/__name__/values', params);
    this.truncated = names.length >= listMax;
    return names;
  }

  labelNames(metricName?: string): Promise<string[]> {
    const match = this.selector(metricName);
    return this.cached<string[]>('labels', {
      ...this.window(),
      limit: listMax,
      ...(match ? { 'match[]': match } : {}),
    }).then((names) => names.filter((n) => n !== '__name__'));
  }

  labelValues(labelName: string, metricName?: string, matchers?: Matcher[]): Promise<string[]> {
    const match = this.selector(metricName, matchers, labelName);
    return this.cached<string[]>(`label/${encodeURIComponent(labelName)}/values`, {
      ...this.window(),
      limit: listMax,
      ...(match ? { 'match[]': match } : {}),
    });
  }

  async metricMetadata(): Promise<Record<string, MetricMetadata[]>> {
    const answer = await this.cached<Record<string, MetricMetadata[]>>('metadata', {
      limit: metadataMax,
      limit_per_metric: 1,
    });
    return Array.isArray(answer) ? {} : answer;
  }

  // Type and HELP of one metric, for hover.
  async metadataOf(metric: string): Promise<MetricMetadata | undefined> {
    for (const name of [metric, metric.replace(/_(count|sum|bucket|total)$/, '')]) {
      const answer = await this.cached<Record<string, MetricMetadata[]>>('metadata', { metric: name });
      const found = Array.isArray(answer) ? undefined : answer[name]?.[0];
      if (found) return found;
    }
    return undefined;
  }

  series(): Promise<Map<string, string>[]> {
    return Promise.resolve([]);
  }

  flags(): Promise<Record<string, string>> {
    return Promise.resolve({});
  }
}
