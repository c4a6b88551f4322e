// The five states of a block that loads: first load, reloading, empty, error, partial.
import type { ReactNode } from 'react';
import { useEffect, useState } from 'react';
import { ApiError } from '../api/client';
import { t } from '../app/i18n';
import { useSettings } from '../app/settings';
import { Button } from './primitives';
import { copyText } from './toast';

// True once `active` has lasted for `delayMs`: short waits must not flash.
export function useDelayed(active: boolean, delayMs: number): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (!active) return undefined;
    const timer = setTimeout(() => setLate(true), delayMs);
    return () => clearTimeout(timer);
  }, [active, delayMs]);
  return active && late;
}

// Milliseconds since `since`, ticking while `since` is set.
export function useElapsed(since: number | null, everyMs = 100): number {
  const [, tick] = useState(0);
  useEffect(() => {
    if (since === null) return undefined;
    const timer = setInterval(() => tick((n) => n + 1), everyMs);
    return () => clearInterval(timer);
  }, [since, everyMs]);
  return since === null ? 0 : Date.now() - since;
}

export function Skeleton({ rows = 6, tall = false }: { rows?: number; tall?: boolean }) {
  const shown = useDelayed(true, 150);
  return (
    <div className={`skeleton ${tall ? 'skeleton-tall' : ''} ${shown ? 'is-shown' : ''}`} role="status">
      <span className="sr-only">{t('state.loading')}</span>
      {!tall && Array.from({ length: rows }, (_, i) => <span key={i} className="skeleton-row" />)}
    </div>
  );
}

export function ReloadLine({ since, onCancel }: { since: number | null; onCancel?: () => void }) {
  const elapsed = useElapsed(since, 500);
  const shown = useDelayed(since !== null, 150);
  return (
    <div className="reload-line" data-active={shown || undefined}>
      {since !== null && elapsed > 10_000 && (
        <div className="reload-wait" role="status">
          {t('state.waiting', { seconds: Math.floor(elapsed / 1000) })}
          {onCancel && (
            <Button kind="ghost" onClick={onCancel}>
              {t('state.cancel')}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

export function Empty({ title, hint, children }: { title: string; hint?: ReactNode; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {hint && <p className="empty-hint">{hint}</p>}
      {children && <div className="empty-actions">{children}</div>}
    </div>
  );
}

// The server's words, verbatim and as text.
export function ErrorBox(props: { error: Error; onRetry?: () => void; curl?: string; title?: string }) {
  const { error } = props;
  return (
    <div className="error-box" role="alert">
      <span className="shape shape-firing" aria-hidden="true" />
      <div className="error-body">
        <p className="error-type">
          {props.title && <b>{props.title} </b>}
          {error instanceof ApiError ? error.type : error.name}
        </p>
        <pre className="error-text">{error.message}</pre>
        <div className="error-actions">
          {props.onRetry && <Button onClick={props.onRetry}>{t('state.retry')}</Button>}
          {props.curl !== undefined && (
            <Button kind="ghost" onClick={() => void copyText(props.curl ?? '')}>
              {t('state.curl')}
            </Button>
          )}
        </div>
      </div>
    </div>
  );
}

// Warnings, with notes folded below them. Duplicates are listed once.
export function Notices({ warnings, infos }: { warnings: string[]; infos: string[] }) {
  const { showWarnings, showInfos } = useSettings();
  const w = showWarnings ? [...new Set(warnings)] : [];
  const i = showInfos ? [...new Set(infos)] : [];
  if (w.length + i.length === 0) return null;
  return (
    <div className="notices">
      {w.length > 0 && (
        <details open={w.length === 1}>
          <summary>
            <span className="shape shape-pending" aria-hidden="true" />
            {t('state.warnings', { count: w.length })}
          </summary>
          <ul>
            {w.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </details>
      )}
      {i.length > 0 && (
        <details>
          <summary>
            <span className="shape shape-info" aria-hidden="true" />
            {t('state.infos', { count: i.length })}
          </summary>
          <ul>
            {i.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
