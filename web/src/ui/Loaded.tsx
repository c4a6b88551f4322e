// A block around one resource of the server, in whichever of its states that is.
import type { ReactNode } from 'react';
import type { ServerData } from '../api/server-data';
import { ErrorBox, Notices, ReloadLine, Skeleton } from './states';

export function Loaded<T>(props: {
  from: ServerData<T>;
  label?: string;
  rows?: number;
  plain?: boolean;
  children: (data: T) => ReactNode;
}) {
  const { from } = props;
  return (
    <section
      className={props.plain ? 'block-plain' : 'block'}
      aria-label={props.label}
      aria-busy={from.startedMs !== null}
    >
      <ReloadLine since={from.startedMs} onCancel={from.cancel} />
      {from.error && <ErrorBox error={from.error} onRetry={() => void from.refetch()} curl={from.curl} />}
      <Notices warnings={from.warnings} infos={[]} />
      {from.data === undefined && !from.error && <Skeleton rows={props.rows ?? 6} />}
      {from.data !== undefined && props.children(from.data)}
    </section>
  );
}
