// What completion asks the server. Every list is limited: a server with 150,000 names is asked for those
// that fit the word being typed, not for all. A server with the search API finds and ranks them itself; one
// without it lists what holds the word.
import type { Matcher } from '@prometheus-io/codemirror-promql/dist/esm/types';
import { labelMatchersToString } from '@prometheus-io/codemirror-promql/dist/esm/parser/matcher';
import type { PrometheusClient } from '@prometheus-io/codemirror-promql/dist/esm/client';
import { request, requestBytes, type Params } from '../api/client';
import type { Features, MetricMetadata } from '../api/types';
import { labelText, quote } from '../frame/labels';

const listMax = 1000;
// The best of a search: with HELP texts these are far below the 100 kB that an answer may have.
const foundMax = 200;
const metadataMax = 3000;
const cacheMs = 60_000;
const lookbackMs = 12 * 3_600_000;

interface Found {
  name?: string;
  value?: string;
  type?: string;
  help?: string;
  unit?: string;
}

interface SearchLine {
  results?: Found[];
  status?: string;
  has_more?: boolean;
  error?: string;
}

// An answer of the search API: lines of JSON, the last of which says how it went.
export function readSearch(text: string): { found: Found[]; more: boolean } {
  const lines = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as SearchLine);
  const end = lines.at(-1);
  if (end?.status !== 'success') throw new Error(end?.error ?? 'the answer of the search ends too early');
  return { found: lines.flatMap((line) => line.results ?? []), more: end.has_more === true };
}

export class CompletionClient implements PrometheusClient {
  private readonly cache = new Map<string, { at: number; value: Promise<unknown> }>();
  // Types and HELP texts that came with found names.
  private readonly metadata = new Map<string, MetricMetadata>();
  // Whether some of the names that were listed last came without.
  private untold = true;
  // Whether the server has the search API; asked for with the first list.
  private searches: Promise<boolean> | null = null;
  // Whether the last list was cut: then the next letter must ask again.
  truncated = false;
  // What is typed of a label's value.
  typedValue = '';

  private cached<T>(path: string, params: Params, ask: () => Promise<T>): Promise<T> {
    const key = `${path}?${JSON.stringify(params)}`;
    const found = this.cache.get(key);
    if (found && Date.now() - found.at < cacheMs) return found.value as Promise<T>;
    const value = ask();
    value.catch(() => this.cache.delete(key));
    if (this.cache.size > 200) this.cache.clear();
    this.cache.set(key, { at: Date.now(), value });
    return value;
  }

  // Completion is a help: without an answer there is just nothing to offer.
  private list<T>(path: string, params: Params): Promise<T> {
    return this.cached(path, params, async () => (await request<T>(path, params)).data).catch(
      () => [] as unknown as T,
    );
  }

  // null = the server does not search: it has no such API, or does not take this request.
  private async search(
    path: string,
    word: string,
    params: Params,
  ): Promise<{ found: Found[]; more: boolean } | null> {
    this.searches ??= request<Features>('features').then(
      ({ data }) => data['api']?.['search'] === true,
      () => false,
    );
    if (!(await this.searches)) return null;
    const asked: Params = { ...this.window(), ...params, limit: foundMax, batch_size: foundMax };
    if (word) Object.assign(asked, { 'search[]': word, case_sensitive: 'false', sort_by: 'score' });
    try {
      return await this.cached(path, asked, async () =>
        readSearch(new TextDecoder().decode(await requestBytes(path, asked))),
      );
    } catch {
      return null;
    }
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
    const answer = await this.search('search/metric_names', prefix, { include_metadata: 'true' });
    if (answer) {
      this.truncated = answer.more;
      if (this.metadata.size > 10_000) this.metadata.clear();
      for (const { name = '', type, help = '', unit = '' } of answer.found) {
        if (type !== undefined) this.metadata.set(name, { type, help, unit });
      }
      // Those of buckets, sums and counts are their families'.
      this.untold = answer.found.some(({ type }) => type === undefined);
      return answer.found.flatMap(({ name }) => name ?? []);
    }
    this.untold = true;
    const word = prefix.replace(/[^a-zA-Z0-9_:]/g, '');
    const match = word ? `{__name__=~${quote(`(?i).*${word}.*`)}}` : undefined;
    const params: Params = { ...this.window(), limit: listMax };
    if (match) params['match[]'] = match;
    const names = await this.list<string[]>('label/__name__/values', params);
    this.truncated = names.length >= listMax;
    return names;
  }

  labelNames(metricName?: string): Promise<string[]> {
    const match = this.selector(metricName);
    return this.list<string[]>('labels', {
      ...this.window(),
      limit: listMax,
      ...(match ? { 'match[]': match } : {}),
    }).then((names) => names.filter((n) => n !== '__name__'));
  }

  async labelValues(labelName: string, metricName?: string, matchers?: Matcher[]): Promise<string[]> {
    const match = this.selector(metricName, matchers, labelName);
    const word = this.typedValue;
    const answer = await this.search('search/label_values', word, {
      label: labelName,
      ...(match ? { 'match[]': match } : {}),
    });
    if (answer) {
      this.truncated = answer.more;
      return answer.found.flatMap(({ value }) => value ?? []);
    }
    const path = `label/${encodeURIComponent(labelName)}/values`;
    const list = (selector?: string) =>
      this.list<string[]>(path, {
        ...this.window(),
        limit: listMax,
        ...(selector ? { 'match[]': selector } : {}),
      });
    const values = await list(match);
    this.truncated = values.length >= listMax;
    // More than a list holds: those with what is typed, wherever they stand.
    if (!this.truncated || word === '') return values;
    const holding = `${labelText(labelName)}=~${quote(`(?i).*${word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}.*`)}`;
    return list(match?.endsWith('}') ? `${match.slice(0, -1)},${holding}}` : `${match ?? ''}{${holding}}`);
  }

  async metricMetadata(): Promise<Record<string, MetricMetadata[]>> {
    const known = Object.fromEntries([...this.metadata].map(([name, metadata]) => [name, [metadata]]));
    if (!this.untold) return known;
    const answer = await this.list<Record<string, MetricMetadata[]>>('metadata', {
      limit: metadataMax,
      limit_per_metric: 1,
    });
    return Array.isArray(answer) ? known : { ...answer, ...known };
  }

  // Type and HELP of one metric, for hover.
  async metadataOf(metric: string): Promise<MetricMetadata | undefined> {
    const known = this.metadata.get(metric);
    if (known) return known;
    for (const name of [metric, metric.replace(/_(count|sum|bucket|total)$/, '')]) {
      const answer = await this.list<Record<string, MetricMetadata[]>>('metadata', { metric: name });
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
