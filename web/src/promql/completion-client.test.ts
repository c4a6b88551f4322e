// @vitest-environment happy-dom
import { Matcher } from '@prometheus-io/codemirror-promql/dist/esm/types';
import { EqlSingle } from '@prometheus-io/lezer-promql';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CompletionClient, readSearch } from './completion-client';

const lines = (results: object[], more = false) =>
  `${JSON.stringify({ results })}\n${JSON.stringify({ status: 'success', has_more: more })}\n`;

// A server that answers by path; what it was asked is kept.
function server(answers: Record<string, (params: URLSearchParams) => unknown>): URL[] {
  const asked: URL[] = [];
  vi.stubGlobal('fetch', async (address: string) => {
    const url = new URL(address);
    asked.push(url);
    const answer = answers[url.pathname.replace('/api/v1/', '')]?.(url.searchParams);
    if (answer === undefined) {
      const body = JSON.stringify({
        status: 'error',
        errorType: 'unavailable',
        error: 'search API disabled',
      });
      return new Response(body, { status: 400 });
    }
    return new Response(
      typeof answer === 'string' ? answer : JSON.stringify({ status: 'success', data: answer }),
    );
  });
  return asked;
}
const paths = (asked: URL[]) => asked.map((url) => url.pathname.replace('/api/v1/', ''));
const last = (asked: URL[]) => Object.fromEntries(asked.at(-1)?.searchParams ?? []);

afterEach(() => vi.unstubAllGlobals());

describe('with the search API', () => {
  const features = () => ({ api: { search: true } });

  test('names come with their types and help, of what is typed, in any case', async () => {
    const asked = server({
      features,
      'search/metric_names': () =>
        lines([{ name: 'up_total', type: 'counter', help: 'Ups.', unit: '' }], true),
    });
    const client = new CompletionClient();
    expect(await client.metricNames('uTo')).toEqual(['up_total']);
    expect(client.truncated).toBe(true);
    expect(last(asked)).toMatchObject({
      'search[]': 'uTo',
      case_sensitive: 'false',
      sort_by: 'score',
      include_metadata: 'true',
      limit: '200',
    });
    // Nothing more is asked: the answer had it.
    expect(await client.metricMetadata()).toEqual({
      up_total: [{ type: 'counter', help: 'Ups.', unit: '' }],
    });
    expect(await client.metadataOf('up_total')).toMatchObject({ help: 'Ups.' });
    expect(paths(asked)).toEqual(['features', 'search/metric_names']);
    await client.metricNames('uTo');
    expect(asked).toHaveLength(2);
  });
  test('names of parts of a family: the help of families is asked for', async () => {
    server({
      features,
      'search/metric_names': () => lines([{ name: 'took_bucket' }]),
      metadata: () => ({ took: [{ type: 'histogram', help: 'Time.', unit: '' }] }),
    });
    const client = new CompletionClient();
    await client.metricNames('took');
    expect(client.truncated).toBe(false);
    expect(await client.metricMetadata()).toEqual({ took: [{ type: 'histogram', help: 'Time.', unit: '' }] });
  });
  test('nothing typed: no search, no score', async () => {
    const asked = server({ features, 'search/metric_names': () => lines([]) });
    expect(await new CompletionClient().metricNames()).toEqual([]);
    expect(last(asked)).not.toHaveProperty('search[]');
    expect(last(asked)).not.toHaveProperty('sort_by');
  });
  test('values of a label, within what the selector says of others', async () => {
    const asked = server({
      features,
      'search/label_values': () => lines([{ value: 'web-7' }, { value: 'web-70' }]),
    });
    const client = new CompletionClient();
    client.typedValue = 'b7';
    const matchers = [new Matcher(EqlSingle, 'job', 'node'), new Matcher(EqlSingle, 'instance', 'b7')];
    expect(await client.labelValues('instance', 'up', matchers)).toEqual(['web-7', 'web-70']);
    expect(last(asked)).toMatchObject({ label: 'instance', 'search[]': 'b7', 'match[]': 'up{job="node"}' });
  });
  test('a search that is refused or cut falls back to the lists', async () => {
    const asked = server({
      features,
      'label/__name__/values': () => ['up'],
      'search/label_values': () => '{"results":[]}\n',
      'label/job/values': () => ['a'],
    });
    const client = new CompletionClient();
    expect(await client.metricNames('u')).toEqual(['up']);
    expect(await client.labelValues('job')).toEqual(['a']);
    expect(paths(asked)).toEqual([
      'features',
      'search/metric_names',
      'label/__name__/values',
      'search/label_values',
      'label/job/values',
    ]);
  });
});

describe('without it', () => {
  test('lists of what holds the word', async () => {
    const asked = server({
      features: () => ({ api: { search: false } }),
      'label/__name__/values': () => ['up'],
    });
    expect(await new CompletionClient().metricNames('u')).toEqual(['up']);
    expect(last(asked)).toMatchObject({ 'match[]': '{__name__=~"(?i).*u.*"}', limit: '1000' });
    expect(paths(asked)).toEqual(['features', 'label/__name__/values']);
  });
  test('more values than a list holds: those with what is typed are asked for', async () => {
    const asked = server({
      'label/path/values': (params) =>
        params.get('match[]')?.includes('=~') ? ['/a.b'] : Array.from({ length: 1000 }, (_, i) => `/${i}`),
    });
    const client = new CompletionClient();
    client.typedValue = 'a.b';
    expect(await client.labelValues('path', 'up', [new Matcher(EqlSingle, 'job', 'x')])).toEqual(['/a.b']);
    expect(last(asked)['match[]']).toBe('up{job="x",path=~"(?i).*a\\\\.b.*"}');
    expect(client.truncated).toBe(true);
    expect(await client.labelValues('path')).toEqual(['/a.b']);
    expect(last(asked)['match[]']).toBe('{path=~"(?i).*a\\\\.b.*"}');
  });
  test('no answer, nothing to offer', async () => {
    server({});
    expect(await new CompletionClient().metricNames('u')).toEqual([]);
    expect(await new CompletionClient().labelValues('job')).toEqual([]);
  });
});

describe('answers of the search', () => {
  test('batches are put together', () => {
    const text =
      '{"results":[{"name":"a"}]}\n{"results":[{"name":"b"}]}\n{"status":"success","has_more":false}\n';
    expect(readSearch(text)).toEqual({ found: [{ name: 'a' }, { name: 'b' }], more: false });
  });
  test.each(['', '{"results":[]}\n', '{"results":[]}\n{"status":"error","error":"late"}\n', 'no JSON'])(
    '%j is none',
    (text) => {
      expect(() => readSearch(text)).toThrow();
    },
  );
});
