// /flags: the command line the server runs with.
import '../../app/i18n/pages';
import { useMemo } from 'react';
import { useServerData } from '../../api/server-data';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { useRefresh } from '../../app/refresh';
import { useUrlState } from '../../app/url-state';
import { Loaded } from '../../ui/Loaded';
import { Button, IconButton, SearchField } from '../../ui/primitives';
import { Empty } from '../../ui/states';
import { copyText } from '../../ui/toast';
import { commandLine, matchingFlags } from './model';

const decode = (search: string) => ({ search: new URLSearchParams(search).get('search') ?? '' });
const encode = ({ search }: { search: string }) => (search ? new URLSearchParams({ search }).toString() : '');

export default function FlagsPage() {
  useLanguage();
  const [{ search }, change] = useUrlState(decode, encode);
  const answer = useServerData<Record<string, string>>('status/flags');
  useRefresh('flags', answer.refetch);
  const flags = useMemo(() => matchingFlags(answer.data ?? {}, search), [answer.data, search]);
  const total = Object.keys(answer.data ?? {}).length;
  return (
    <div className="page">
      <div className="filter-bar">
        <SearchField
          label={t('flags.search')}
          value={search}
          hotkey
          onInput={(text) => change({ search: text }, 'replace')}
        />
        <span className="muted" role="status">
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
              <Button onClick={() => change({ search: '' })}>{t('targets.clear')}</Button>
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
                {flags.map(([name, value]) => (
                  <tr key={name}>
                    <th scope="row">
                      <code>--{name}</code>
                    </th>
                    <td>
                      {value === '' ? (
                        <span className="muted">{t('flags.empty')}</span>
                      ) : (
                        <code>{value}</code>
                      )}
                    </td>
                    <td className="flags-copy">
                      <IconButton
                        icon="copy"
                        label={t('flags.copy', { name })}
                        onClick={() => void copyText(commandLine([[name, value]]))}
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
