// Navigation as a stalk with a node for each page; the node one is at glows.
import { useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { Icon, Mark } from '../ui/icons';
import { IconButton } from '../ui/primitives';
import { pages } from './App';
import { t, useLanguage } from './i18n';
import { pageInfo } from './page-info';
import { useSettings } from './settings';

const nextTheme = { system: 'dark', dark: 'light', light: 'system' } as const;

export function Rail({ onSettings, onKeys }: { onSettings: () => void; onKeys: () => void }) {
  useLanguage();
  const [path] = useLocation();
  const [open, setOpen] = useState(false);
  const theme = useSettings((s) => s.theme);
  const home = useSettings((s) => s.home);
  useEffect(() => setOpen(false), [path]);
  const themeName = t('nav.theme', { theme: t(`settings.theme.${theme}`) });
  return (
    <>
      <span className="rail-button">
        <IconButton icon="menu" label={t('app.menu')} aria-expanded={open} onClick={() => setOpen(!open)} />
      </span>
      {open && <div className="rail-backdrop" onClick={() => setOpen(false)} />}
      <nav
        className="rail"
        aria-label={t('nav.main')}
        data-open={open || undefined}
        onKeyDown={(e) => e.key === 'Escape' && setOpen(false)}
      >
        <Link href={home} className="brand" title={`${pageInfo.title} ${pageInfo.version}`}>
          <Mark />
          <span className="brand-name">narthex</span>
        </Link>
        <ul className="stalk">
          {pages.map((page, at) => (
            <li key={page.path} data-first={(page.ofServer && !pages[at - 1]?.ofServer) || undefined}>
              <Link
                href={page.path}
                className="node"
                title={t(page.title)}
                aria-current={path === page.path ? 'page' : undefined}
              >
                <span className="node-dot" aria-hidden="true" />
                <span className="node-name">{t(page.title)}</span>
              </Link>
            </li>
          ))}
        </ul>
        <div className="rail-foot">
          <button type="button" className="node node-foot" title={t('nav.settings')} onClick={onSettings}>
            <Icon name="gear" />
            <span className="node-name">{t('nav.settings')}</span>
          </button>
          <button type="button" className="node node-foot" title={t('nav.keys')} onClick={onKeys}>
            <Icon name="help" />
            <span className="node-name">{t('nav.keys')}</span>
          </button>
          <button
            type="button"
            className="node node-foot"
            title={themeName}
            onClick={() => useSettings.setState({ theme: nextTheme[theme] })}
          >
            <span className="theme-dot" aria-hidden="true" />
            <span className="node-name">{themeName}</span>
          </button>
        </div>
      </nav>
    </>
  );
}
