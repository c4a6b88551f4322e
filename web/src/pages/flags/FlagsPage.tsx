// /flags: the command line the server runs with.
import '../../app/i18n/pages';
import { useMemo } from 'react';
import { useServerData } from '../../api/server-data';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { useRefresh } from '../../app/refresh';
import { useUrlState } from '../../app/url-state';
import { Loaded } from '../../ui/Loaded';
import { Button, Check, IconButton, SearchField } from '../../ui/primitives';
import { Empty } from '../../ui/states';
import { copyText } from '../../ui/toast';
import { commandLine, decode, encode, isChanged, matchingFlags, type Flag } from './model';

export default function FlagsPage() {
  useLanguage();
  const [state, change] = useUrlState(decode, encode);
  const answer = useServerData<Flag[]>('/api/narthex/v1/flags');
  useRefresh('flags', answer.refetch);
  const flags = useMemo(() => matchingFlags(answer.data ?? [], state), [answer.data, state]);
  const total = answer.data?.length ?? 0;
  return (
    <div className="page">
      <div className="filter-bar">
        <SearchField
          label={t('flags.search')}
          value={state.search}
          hotkey
          onInput={(text) => change({ search: text }, 'replace')}
        />
        <Check
          label={t('flags.changed')}
          checked={state.changed}
          onChange={(changed) => change({ changed })}
        />
        <span className="flags-count muted" role="status">
          {answer.data && t('legend.shown', { shown: formatCount(flags.length), total: formatCount(total) })}
        </span>
        <span className="grow" />
        <Button kind="ghost" onClick={() => void copyText(commandLine(flags))}>
          {t('flags.copyAll')}
        </Button>
      </div>
      <Loaded from={answer} label={t('nav.flags')} rows={20}>
        {() =>
          flags.length === 0 ? (
            <Empty title={t('flags.noMatch')}>
              <Button onClick={() => change({ search: '', changed: false })}>{t('targets.clear')}</Button>
            </Empty>
          ) : (
            <table className="plain flags">
              <thead>
                <tr>
                  <th scope="col">{t('flags.name')}</th>
                  <th scope="col">{t('flags.value')}</th>
                  <td />
                </tr>
              </thead>
              <tbody>
                {flags.map((flag) => (
                  <tr key={flag.name} data-changed={isChanged(flag) || undefined}>
                    <th scope="row">
                      <code>--{flag.name}</code>
                      <span className="flags-help muted">{flag.help}</span>
                    </th>
                    <td>
                      {flag.value === '' ? (
                        <span className="muted">{t('flags.empty')}</span>
                      ) : (
                        <code>{flag.value}</code>
                      )}
                      {isChanged(flag) && (
                        <span className="flags-default muted">
                          {t('flags.default', { value: flag.default || t('flags.empty') })}
                        </span>
                      )}
                    </td>
                    <td className="flags-copy">
                      <IconButton
                        icon="copy"
                        label={t('flags.copy', { name: flag.name })}
                        onClick={() => void copyText(commandLine([flag]))}
                      />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Loaded>
    </div>
  );
}
