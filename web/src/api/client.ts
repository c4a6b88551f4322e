// Requests to the server. All paths are relative to <base href>, which carries the route prefix.
import type { Envelope } from './types';
import { noteReachable, noteUnreachable } from './connection';

export class ApiError extends Error {
  constructor(
    readonly type: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export interface Answer<T> {
  data: T;
  warnings: string[];
  infos: string[];
}

export type Params = Record<string, string | number | undefined | string[]>;

export function searchParams(params: Params): URLSearchParams {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) out.append(name, String(one));
  }
  return out;
}

// Of an endpoint below /api/v1, or of one that begins with a slash, as it is.
export function apiUrl(path: string): string {
  return new URL(path.startsWith('/') ? path.slice(1) : `api/v1/${path}`, document.baseURI).href;
}

interface Options {
  signal?: AbortSignal;
  // Queries go as a form, so that their length has no limit of a URL's.
  form?: boolean;
  method?: 'DELETE';
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

async function send(path: string, params: Params, options: Options): Promise<Response> {
  const query = searchParams(params);
  const init: RequestInit = { signal: options.signal, credentials: 'same-origin' };
  if (options.method) init.method = options.method;
  let url = apiUrl(path);
  if (options.form) {
    init.method = 'POST';
    init.body = query;
  } else if (query.size > 0) {
    url += `?${query}`;
  }
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (!isAbort(error)) {
      noteUnreachable();
      throw new ApiError('network', error instanceof Error ? error.message : String(error), 0);
    }
    throw error;
  }
  noteReachable(response.status);
  return response;
}

// The error an answer holds: the server's own words when it is an envelope, else its text.
export function errorOf(status: number, statusText: string, body: string): ApiError {
  try {
    const envelope = JSON.parse(body) as Envelope<unknown>;
    if (envelope.error) return new ApiError(envelope.errorType ?? 'error', envelope.error, status);
  } catch {
    // Not JSON: a proxy's page or a plain text answer.
  }
  const text = body.length > 0 && body.length < 500 && !body.startsWith('<') ? body.trim() : statusText;
  return new ApiError(`HTTP ${status}`, text || 'no message', status);
}

export async function request<T>(
  path: string,
  params: Params = {},
  options: Options = {},
): Promise<Answer<T>> {
  const response = await send(path, params, options);
  if (response.status === 204) return { data: undefined as T, warnings: [], infos: [] };
  const body = await response.text();
  if (!response.ok) throw errorOf(response.status, response.statusText, body);
  let envelope: Envelope<T>;
  try {
    envelope = JSON.parse(body) as Envelope<T>;
  } catch {
    throw new ApiError(
      'invalid answer',
      'The answer is not JSON. Is this address a Narthex server?',
      response.status,
    );
  }
  if (envelope.status !== 'success') {
    throw new ApiError(envelope.errorType ?? 'error', envelope.error ?? 'no message', response.status);
  }
  return { data: envelope.data as T, warnings: envelope.warnings ?? [], infos: envelope.infos ?? [] };
}

// The body as bytes, for answers that may be too large to parse on the main thread.
export async function requestBytes(
  path: string,
  params: Params,
  options: Options = {},
): Promise<ArrayBuffer> {
  const response = await send(path, params, options);
  if (!response.ok) throw errorOf(response.status, response.statusText, await response.text());
  return response.arrayBuffer();
}

// What a user pastes into a shell to repeat the request.
export function curlOf(path: string, params: Params): string {
  const quote = (s: string) => `'${s.replaceAll("'", `'\\''`)}'`;
  const fields = [...searchParams(params)].map(([k, v]) => ` --data-urlencode ${quote(`${k}=${v}`)}`);
  return `curl ${quote(apiUrl(path))}${fields.join('')}`;
}
