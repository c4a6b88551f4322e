// The blocks on disk, newest first. Asked for when the list is opened: there may be hundreds.
import { useState } from 'react';
import { ApiError } from '../../api/client';
import { useServerData } from '../../api/server-data';
import { formatCount, t } from '../../app/i18n';
import { useSettings } from '../../app/settings';
import { formatDuration } from '../../time/duration';
import { showDateTime } from '../../time/zone';
import { Loaded } from '../../ui/Loaded';
import { Empty } from '../../ui/states';
import { formatBytes } from '../../units/format';
import { sortedBlocks, type BlocksAnswer } from './model';

export function Blocks() {
  const [open, setOpen] = useState(false);
  return (
    <details className="block blocks" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary className="card-title">
        <h2 id="blocks-title">{t('blocks.title')}</h2>
      </summary>
      {open && <BlockList />}
    </details>
  );
}

function BlockList() {
  const zone = useSettings((s) => s.zone);
  const answer = useServerData<BlocksAnswer>('status/tsdb/blocks');
  if (answer.error instanceof ApiError && answer.error.status === 404)
    return <Empty title={t('blocks.missing')} />;
  return (
    <Loaded from={answer} rows={4} plain>
      {(data) => {
        const blocks = sortedBlocks(data);
        if (blocks.length === 0) return <Empty title={t('blocks.none')} hint={t('blocks.noneHint')} />;
        return (
          <div className="scroll-x" tabIndex={0} role="region" aria-labelledby="blocks-title">
            <table className="plain">
              <thead>
                <tr>
                  <th scope="col">{t('blocks.id')}</th>
                  <th scope="col">{t('blocks.from')}</th>
                  <th scope="col">{t('blocks.span')}</th>
                  <th scope="col" className="num">
                    {t('tsdb.series')}
                  </th>
                  <th scope="col" className="num">
                    {t('targets.samples')}
                  </th>
                  <th scope="col" className="num">
                    {t('tsdb.chunks')}
                  </th>
                  <th scope="col" className="num">
                    {t('blocks.size')}
                  </th>
                  <th scope="col" className="num">
                    {t('blocks.level')}
                  </th>
                </tr>
              </thead>
              <tbody>
                {blocks.map((block) => (
                  <tr key={block.ulid}>
                    <th scope="row">
                      <code>{block.ulid}</code>
                    </th>
                    <td>{showDateTime(block.minTime, zone)}</td>
                    <td>{formatDuration(block.maxTime - block.minTime)}</td>
                    <td className="num">{formatCount(block.stats?.numSeries ?? 0)}</td>
                    <td className="num">{formatCount(block.stats?.numSamples ?? 0)}</td>
                    <td className="num">{formatCount(block.stats?.numChunks ?? 0)}</td>
                    <td className="num">
                      {block.stats?.numBytes === undefined ? '–' : formatBytes(block.stats.numBytes)}
                    </td>
                    <td className="num" title={block.compaction?.sources?.join('\n')}>
                      {block.compaction?.level ?? '–'}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        );
      }}
    </Loaded>
  );
}
