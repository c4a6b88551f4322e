import '../../app/i18n/pages';
import { useMemo, useState } from 'react';
import { formatAge, t, useLanguage } from '../../app/i18n';
import { useSettings } from '../../app/settings';
import { clearHistory, setFavourite, useHistory } from '../../promql/history';
import { Button, Dialog, IconButton, SearchField } from '../../ui/primitives';
import { Empty } from '../../ui/states';

const shownMax = 100;

export default function HistoryDialog({
  onClose,
  onUse,
}: {
  onClose: () => void;
  onUse: (expr: string) => void;
}) {
  useLanguage();
  const entries = useHistory((h) => h.entries);
  const on = useSettings((s) => s.history);
  const [search, setSearch] = useState('');
  const shown = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return entries
      .filter((e) => e.expr.toLowerCase().includes(wanted))
      .sort((a, b) => Number(b.favourite) - Number(a.favourite) || b.at - a.at)
      .slice(0, shownMax);
  }, [entries, search]);
  return (
    <Dialog title={t('history.title')} onClose={onClose} className="dialog-wide">
      <div className="history">
        {entries.length > 0 && <SearchField label={t('history.search')} value={search} onInput={setSearch} />}
        {entries.length === 0 && (
          <Empty
            title={t(on ? 'history.empty' : 'history.off')}
            hint={on ? t('history.emptyHint') : undefined}
          />
        )}
        {entries.length > 0 && shown.length === 0 && <Empty title={t('history.noMatch')} />}
        <ul className="history-list">
          {shown.map((entry) => (
            <li key={entry.expr}>
              <IconButton
                icon="star"
                filled={entry.favourite}
                className={entry.favourite ? 'is-on' : ''}
                aria-pressed={entry.favourite}
                label={t(entry.favourite ? 'history.unstar' : 'history.star')}
                onClick={() => setFavourite(entry.expr, !entry.favourite)}
              />
              <button
                type="button"
                className="history-expr"
                onClick={() => onUse(entry.expr)}
                title={t('history.use')}
              >
                <code>{entry.expr}</code>
              </button>
              <span className="muted">{t('fresh.age', { age: formatAge(Date.now() - entry.at) })}</span>
            </li>
          ))}
        </ul>
        {entries.some((e) => !e.favourite) && (
          <Button kind="ghost" onClick={clearHistory}>
            {t('history.clear')}
          </Button>
        )}
      </div>
    </Dialog>
  );
}
