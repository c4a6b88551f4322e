// The frame: rail, header, banners, and the page of the current address.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { Component, lazy, Suspense, useEffect, useState, type ComponentType, type ReactNode } from 'react';
import { Redirect, Route, Router, Switch, useLocation } from 'wouter';
import { onReconnect, probe } from '../api/connection';
import { watchNotifications } from '../api/notifications';
import QueryPage from '../pages/query/QueryPage';
import { encodePanels, newPanel } from '../pages/query/url';
import { Empty, ErrorBox, Skeleton } from '../ui/states';
import { Toasts } from '../ui/toast';
import { Banners } from './Banners';
import { Header } from './Header';
import { t, useLanguage, type MessageKey } from './i18n';
import { pageInfo } from './page-info';
import { Rail } from './Rail';
import { refreshNow } from './refresh';
import { useSettings } from './settings';
import { useShortcuts } from './shortcuts';

const SettingsDialog = lazy(() => import('./SettingsDialog'));
const PaletteDialog = lazy(() => import('./PaletteDialog'));
const KeysDialog = lazy(() => import('./KeysDialog'));

const client = new QueryClient({
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false, staleTime: 5000 } },
});

interface Page {
  path: string;
  title: MessageKey;
  key: string;
  // Stands under "Server" in the rail.
  ofServer?: boolean;
  Body: ComponentType;
}

// Pages in the order of the rail. A page that does not exist has no entry.
export const pages: Page[] = [
  { path: '/query', title: 'nav.query', key: 'g q', Body: QueryPage },
  {
    path: '/targets',
    title: 'nav.targets',
    key: 'g t',
    Body: lazy(() => import('../pages/targets/TargetsPage')),
  },
  {
    path: '/service-discovery',
    title: 'nav.discovery',
    key: 'g d',
    Body: lazy(() => import('../pages/discovery/DiscoveryPage')),
  },
  {
    path: '/tsdb-status',
    title: 'nav.tsdb',
    key: 'g h',
    ofServer: true,
    Body: lazy(() => import('../pages/tsdb/TsdbPage')),
  },
  {
    path: '/explore/queries',
    title: 'nav.queries',
    key: 'g u',
    ofServer: true,
    Body: lazy(() => import('../pages/queries/QueriesPage')),
  },
  {
    path: '/explore/relabel',
    title: 'nav.relabel',
    key: 'g r',
    ofServer: true,
    Body: lazy(() => import('../pages/relabel/RelabelPage')),
  },
  {
    path: '/config',
    title: 'nav.config',
    key: 'g c',
    ofServer: true,
    Body: lazy(() => import('../pages/config/ConfigPage')),
  },
  {
    path: '/flags',
    title: 'nav.flags',
    key: 'g l',
    ofServer: true,
    Body: lazy(() => import('../pages/flags/FlagsPage')),
  },
  {
    path: '/status',
    title: 'nav.status',
    key: 'g s',
    ofServer: true,
    Body: lazy(() => import('../pages/status/StatusPage')),
  },
];

class Boundary extends Component<{ children: ReactNode; resetKey: string }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  override componentDidUpdate(before: { resetKey: string }) {
    if (before.resetKey !== this.props.resetKey && this.state.error) this.setState({ error: null });
  }
  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return <ErrorBox title={t('app.crash')} error={error} onRetry={() => this.setState({ error: null })} />;
  }
}

function Shell() {
  useLanguage();
  const [path, navigate] = useLocation();
  const [dialog, setDialog] = useState<'settings' | 'keys' | 'palette' | null>(null);
  const home = useSettings((s) => s.home);
  const page = pages.find((p) => p.path === path);
  const title = page ? t(page.title) : t('app.notFound');
  useEffect(() => {
    document.title = `${title} · ${pageInfo.title}`;
  }, [title]);
  useShortcuts({
    '?': () => setDialog('keys'),
    '/': () => document.querySelector<HTMLElement>('[data-hotkey-filter]')?.focus(),
    r: refreshNow,
    ...Object.fromEntries(pages.map((p) => [p.key, () => navigate(p.path)])),
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (
        (!event.ctrlKey && !event.metaKey) ||
        event.shiftKey ||
        event.altKey ||
        event.key.toLowerCase() !== 'k'
      )
        return;
      // Another dialog is open: what lies under it must not act.
      if (document.querySelector('dialog[open]')) return;
      event.preventDefault();
      event.stopPropagation();
      setDialog('palette');
    };
    // Before the editor, which has the key for itself.
    addEventListener('keydown', onKey, { capture: true });
    return () => removeEventListener('keydown', onKey, { capture: true });
  }, []);
  useEffect(() => {
    if (!pageInfo.ready) void probe();
    watchNotifications();
    return onReconnect(() => {
      void client.invalidateQueries();
      refreshNow();
    });
  }, []);
  return (
    <div className="shell">
      <a
        className="skip"
        href="#main"
        onClick={(e) => (e.preventDefault(), document.getElementById('main')?.focus())}
      >
        {t('app.skip')}
      </a>
      <Rail onSettings={() => setDialog('settings')} onKeys={() => setDialog('keys')} />
      <div className="content">
        <Header title={title} page={page?.path.slice(1) ?? ''} onPalette={() => setDialog('palette')} />
        <Banners />
        <main id="main" tabIndex={-1}>
          <Boundary resetKey={path}>
            <Suspense fallback={<Skeleton rows={10} />}>
              <Switch>
                {pages.map(({ path, Body }) => (
                  <Route key={path} path={path}>
                    <Body />
                  </Route>
                ))}
                <Route path="/">
                  <Redirect to={pages.find((p) => p.path === home)?.path ?? '/query'} replace />
                </Route>
                <Route path="/graph">
                  <Redirect to={`/query${location.search}`} replace />
                </Route>
                <Route>
                  <Empty title={t('app.notFound')} hint={t('app.notFoundHint', { path })} />
                </Route>
              </Switch>
            </Suspense>
          </Boundary>
        </main>
      </div>
      <Suspense>
        {dialog === 'settings' && <SettingsDialog onClose={() => setDialog(null)} />}
        {dialog === 'palette' && (
          <PaletteDialog
            onClose={() => setDialog(null)}
            pages={pages}
            go={(to) => navigate(to)}
            query={(expr) => {
              navigate(`/query?${encodePanels([{ ...newPanel(), exprs: [expr] }])}`);
              // The query page reads its address when it is made, or when one goes through the history.
              if (path === '/query') dispatchEvent(new PopStateEvent('popstate'));
            }}
            settings={() => setDialog('settings')}
            keys={() => setDialog('keys')}
          />
        )}
        {dialog === 'keys' && <KeysDialog onClose={() => setDialog(null)} />}
      </Suspense>
      <Toasts />
    </div>
  );
}

export function App() {
  return (
    <QueryClientProvider client={client}>
      <Router base={pageInfo.prefix}>
        <Shell />
      </Router>
    </QueryClientProvider>
  );
}
