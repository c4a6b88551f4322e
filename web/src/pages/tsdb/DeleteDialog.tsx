// Deletes series, after a look at what will go and a confirmation that is typed.
import { useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { request, type Params } from '../../api/client';
import type { LabelSet } from '../../api/types';
import { formatCount, t } from '../../app/i18n';
import { useSettings } from '../../app/settings';
import { seriesText } from '../../frame/labels';
import { showDateTime, parseDateTime } from '../../time/zone';
import { Button, CommitField, Dialog } from '../../ui/primitives';
import { ErrorBox } from '../../ui/states';
import { toast } from '../../ui/toast';

// Above this the preview says "more than".
const countedMax = 10_000;
const shownMax = 8;

interface Preview {
  params: Params;
  series: LabelSet[];
}

export function DeleteDialog({ selector, onClose }: { selector: string; onClose: () => void }) {
  const zone = useSettings((s) => s.zone);
  const client = useQueryClient();
  const [match, setMatch] = useState(selector);
  const [fromMs, setFrom] = useState<number | null>(null);
  const [toMs, setTo] = useState<number | null>(null);
  const [preview, setPreview] = useState<Preview | null>(null);
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);

  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (e) {
      setError(e instanceof Error ? e : new Error(String(e)));
    } finally {
      setBusy(false);
    }
  };
  const look = () =>
    attempt(async () => {
      const params: Params = { 'match[]': match.trim() };
      if (fromMs !== null) params['start'] = fromMs / 1000;
      if (toMs !== null) params['end'] = toMs / 1000;
      const answer = await request<LabelSet[]>(
        'series',
        { ...params, limit: countedMax + 1 },
        { form: true },
      );
      setTyped('');
      setPreview({ params, series: answer.data });
    });
  const remove = () =>
    attempt(async () => {
      await request('admin/tsdb/delete_series', preview?.params, { form: true });
      toast(t('delete.done'));
      setPreview(null);
      void client.invalidateQueries();
    });
  const clean = () =>
    attempt(async () => {
      await request('admin/tsdb/clean_tombstones', {}, { form: true });
      toast(t('delete.cleaned'));
    });
  const changed = () => setPreview(null);
  const time = (label: string, ms: number | null, set: (ms: number | null) => void) => (
    <CommitField
      label={label}
      value={ms === null ? '' : showDateTime(ms, zone)}
      placeholder={label}
      invalid={t('query.badTime')}
      widthCh={22}
      accept={(text) => {
        const parsed = text.trim() === '' ? null : parseDateTime(text.trim(), zone);
        if (parsed === null && text.trim() !== '') return false;
        set(parsed);
        changed();
        return true;
      }}
    />
  );
  const word = t('delete.word');
  const count = preview?.series.length ?? 0;
  return (
    <Dialog title={t('tsdb.delete')} onClose={onClose}>
      <form
        className="delete"
        onSubmit={(e) => {
          e.preventDefault();
          if (!busy && match.trim() !== '') void look();
        }}
      >
        <label className="delete-field">
          {t('tsdb.match')}
          <input
            className="input mono"
            value={match}
            placeholder={t('tsdb.matchHint')}
            spellCheck="false"
            autoComplete="off"
            onInput={(e) => {
              setMatch(e.currentTarget.value);
              changed();
            }}
          />
        </label>
        <div className="delete-times">
          {time(t('delete.from'), fromMs, setFrom)}
          {time(t('delete.to'), toMs, setTo)}
        </div>
        <p className="muted">{t('delete.hint')}</p>
        <Button type="submit" disabled={busy || match.trim() === ''}>
          {t('delete.preview')}
        </Button>
      </form>
      {error && <ErrorBox error={error} />}
      {preview && (
        <div className="delete-preview" role="status">
          <p>
            <b>
              {count > countedMax
                ? t('delete.many', { count: formatCount(countedMax) })
                : t('delete.count', { count })}
            </b>
          </p>
          <ul>
            {preview.series.slice(0, shownMax).map((labels) => (
              <li key={seriesText(labels)}>
                <code>{seriesText(labels)}</code>
              </li>
            ))}
            {count > shownMax && (
              <li className="muted">{t('table.more', { count: formatCount(count - shownMax) })}</li>
            )}
          </ul>
          {count > 0 && (
            <div className="delete-confirm">
              <label>
                {t('delete.type', { word })}{' '}
                <input
                  className="input"
                  value={typed}
                  autoComplete="off"
                  onInput={(e) => setTyped(e.currentTarget.value)}
                />
              </label>
              <Button kind="primary" disabled={busy || typed.trim() !== word} onClick={() => void remove()}>
                {t('tsdb.delete')}
              </Button>
            </div>
          )}
        </div>
      )}
      <div className="delete-clean">
        <p className="muted">{t('delete.cleanHint')}</p>
        <Button disabled={busy} onClick={() => void clean()}>
          {t('delete.clean')}
        </Button>
      </div>
    </Dialog>
  );
}
