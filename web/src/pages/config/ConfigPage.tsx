// /config: the configuration as the server runs it, with its secrets hidden by the server.
import '../../app/i18n/pages';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useServerData } from '../../api/server-data';
import { formatCount, t, useLanguage } from '../../app/i18n';
import { useRefresh } from '../../app/refresh';
import { Loaded } from '../../ui/Loaded';
import { Icon } from '../../ui/icons';
import { download } from '../../ui/download';
import { Button, IconButton, SearchField } from '../../ui/primitives';
import { copyText } from '../../ui/toast';
import { findLines, lineOfHash, visibleLines, yamlLines, type YamlLine } from './yaml';

export default function ConfigPage() {
  useLanguage();
  const answer = useServerData<{ yaml: string }>('status/config');
  useRefresh('config', answer.refetch);
  return (
    <div className="page page-fill">
      <Loaded from={answer} label={t('nav.config')} rows={20}>
        {(data) => <Yaml yaml={data.yaml} />}
      </Loaded>
    </div>
  );
}

function Yaml({ yaml }: { yaml: string }) {
  const lines = useMemo(() => yamlLines(yaml), [yaml]);
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const [search, setSearch] = useState('');
  const [at, setAt] = useState(0);
  const [linked, setLinked] = useState(() => lineOfHash(location.hash));
  const found = useMemo(() => findLines(lines, search), [lines, search]);
  const shown = useMemo(() => visibleLines(lines, folded), [lines, folded]);
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => box.current,
    estimateSize: () => 24,
    overscan: 30,
    useFlushSync: false,
  });
  // Opens every block around a line and brings it into view.
  const reveal = (number: number) => {
    const open = new Set([...folded].filter((f) => !(f < number && (lines[f - 1]?.foldEnd ?? 0) >= number)));
    setFolded(open);
    const index = visibleLines(lines, open).findIndex((l) => l.number === number);
    if (index >= 0) requestAnimationFrame(() => virtual.scrollToIndex(index, { align: 'center' }));
  };
  useEffect(() => {
    if (linked > 0) reveal(linked);
  }, []);
  const step = (by: number) => {
    if (found.length === 0) return;
    const next = (at + by + found.length) % found.length;
    setAt(next);
    reveal(found[next] as number);
  };
  const link = (number: number) => {
    const url = `${location.pathname}${location.search}#L${number}`;
    history.replaceState(history.state, '', url);
    setLinked(number);
    void copyText(location.origin + url);
  };
  const current = found[at] ?? 0;
  return (
    <>
      <div className="rt-bar yaml-bar">
        <SearchField
          label={t('config.search')}
          value={search}
          hotkey
          onInput={(text) => {
            setSearch(text);
            setAt(0);
            const first = findLines(lines, text)[0];
            if (first) reveal(first);
          }}
        />
        {search !== '' && (
          <>
            <span className="muted" role="status">
              {found.length === 0
                ? t('config.notFound')
                : t('config.found', { at: formatCount(at + 1), count: formatCount(found.length) })}
            </span>
            <IconButton icon="up" label={t('config.previous')} onClick={() => step(-1)} />
            <IconButton icon="down" label={t('config.next')} onClick={() => step(1)} />
          </>
        )}
        <span className="grow" />
        <Button
          kind="ghost"
          onClick={() =>
            setFolded(
              folded.size > 0
                ? new Set()
                : new Set(lines.filter((l) => l.foldEnd > 0 && /^(- |\S)/.test(l.text)).map((l) => l.number)),
            )
          }
        >
          {t(folded.size > 0 ? 'targets.unfoldAll' : 'targets.foldAll')}
        </Button>
        <Button kind="ghost" onClick={() => void copyText(yaml)}>
          {t('config.copy')}
        </Button>
        <IconButton
          icon="download"
          label={t('config.download')}
          onClick={() => download('narthex.yml', new Blob([yaml], { type: 'application/yaml' }))}
        />
      </div>
      <div ref={box} className="yaml" tabIndex={0} role="region" aria-label={t('config.text')}>
        <div className="yaml-body" style={{ height: `${virtual.getTotalSize()}px` }}>
          {virtual.getVirtualItems().map((item) => {
            const line = shown[item.index] as YamlLine;
            return (
              <div
                key={line.number}
                className="yaml-line"
                data-linked={line.number === linked || undefined}
                data-found={line.number === current || undefined}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <a
                  className="yaml-number"
                  href={`${location.pathname}#L${line.number}`}
                  title={t('config.link', { number: line.number })}
                  onClick={(e) => {
                    e.preventDefault();
                    link(line.number);
                  }}
                >
                  {line.number}
                </a>
                {line.foldEnd > 0 ? (
                  <button
                    type="button"
                    className="yaml-fold"
                    aria-expanded={!folded.has(line.number)}
                    aria-label={t('config.fold', { number: line.number })}
                    onClick={() => setFolded((old) => toggled(old, line.number))}
                  >
                    <Icon name={folded.has(line.number) ? 'right' : 'down'} />
                  </button>
                ) : (
                  <span className="yaml-fold" />
                )}
                <code>
                  {line.pieces.map((piece, i) => (
                    <span key={i} className={`yaml-${piece.kind === 'number' ? 'number-value' : piece.kind}`}>
                      <Marked text={piece.text} search={search} />
                    </span>
                  ))}
                  {folded.has(line.number) && (
                    <span className="yaml-more">
                      {' '}
                      {t('config.folded', { count: line.foldEnd - line.number })}
                    </span>
                  )}
                </code>
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

function toggled(old: ReadonlySet<number>, number: number): ReadonlySet<number> {
  const next = new Set(old);
  if (!next.delete(number)) next.add(number);
  return next;
}

// Marks what was searched for, as far as it lies within one piece.
function Marked({ text, search }: { text: string; search: string }) {
  const at = search === '' ? -1 : text.toLowerCase().indexOf(search.toLowerCase());
  if (at < 0) return <>{text}</>;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + search.length)}</mark>
      {text.slice(at + search.length)}
    </>
  );
}
