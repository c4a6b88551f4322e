// One resource of the API as a page shows it: the last answer stays on screen while the next is under way.
import { useRef } from 'react';
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { noteFailure, noteFresh } from '../app/refresh';
import { curlOf, request, type Answer, type Params } from './client';

export interface ServerData<T> {
  data: T | undefined;
  warnings: string[];
  error: Error | null;
  // When the request that is under way was sent; null = none is.
  startedMs: number | null;
  refetch: () => Promise<unknown>;
  cancel: () => void;
  curl: string;
}

export function useServerData<T>(
  path: string,
  params: Params = {},
  options: { enabled?: boolean; form?: boolean } = {},
): ServerData<T> {
  const client = useQueryClient();
  const queryKey = [path, params];
  const result = useQuery<Answer<T>, Error>({
    queryKey,
    enabled: options.enabled ?? true,
    queryFn: async ({ signal }) => {
      try {
        const answer = await request<T>(path, params, { signal, form: options.form });
        noteFresh();
        return answer;
      } catch (error) {
        if (!signal.aborted) noteFailure();
        throw error;
      }
    },
    placeholderData: keepPreviousData,
  });
  const started = useRef<number | null>(null);
  if (!result.isFetching) started.current = null;
  else started.current ??= Date.now();
  return {
    data: result.data?.data,
    warnings: result.data?.warnings ?? [],
    error: result.error,
    startedMs: started.current,
    refetch: result.refetch,
    cancel: () => void client.cancelQueries({ queryKey }),
    curl: curlOf(path, params),
  };
}
