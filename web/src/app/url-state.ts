// What a page shows, kept in the address: choices make an entry of the browser's history, typing replaces it.
import { useCallback, useEffect, useRef, useState } from 'react';

export type UrlChange<T> = (partial: Partial<T>, how?: 'push' | 'replace') => void;

export function useUrlState<T extends object>(
  decode: (search: string) => T,
  encode: (state: T) => string,
): [T, UrlChange<T>] {
  const [state, setState] = useState(() => decode(location.search));
  const latest = useRef(state);
  latest.current = state;
  useEffect(() => {
    const onPop = () => setState(decode(location.search));
    addEventListener('popstate', onPop);
    return () => removeEventListener('popstate', onPop);
  }, []);
  const change = useCallback<UrlChange<T>>(
    (partial, how = 'push') => {
      const next = { ...latest.current, ...partial };
      latest.current = next;
      setState(next);
      const search = encode(next);
      const url = location.pathname + (search && `?${search}`);
      if (how === 'push') history.pushState(history.state, '', url);
      else history.replaceState(history.state, '', url);
    },
    [encode],
  );
  return [state, change];
}
