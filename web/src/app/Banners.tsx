import { useEffect, useState } from 'react';
import { probe, useConnection } from '../api/connection';
import { hideNotification, useNotifications } from '../api/notifications';
import { showDateTime } from '../time/zone';
import { Button, IconButton } from '../ui/primitives';
import { t, useLanguage } from './i18n';
import { useSettings } from './settings';

export function Banners() {
  useLanguage();
  const { state } = useConnection();
  return (
    <div role="status">
      {state !== 'ok' && <ConnectionBanner />}
      {state === 'ok' && <NotificationBanners />}
    </div>
  );
}

function ConnectionBanner() {
  const { state, retryAt, replay } = useConnection();
  const [, tick] = useState(0);
  useEffect(() => {
    if (state !== 'lost') return undefined;
    const timer = setInterval(() => tick((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, [state]);
  const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  const progress = replay && replay.max > 0 ? replay : null;
  return (
    <div className="banner" data-kind={state}>
      <span className={`shape shape-${state === 'lost' ? 'firing' : 'pending'}`} aria-hidden="true" />
      {state === 'lost' ? (
        <>
          <span>{seconds > 0 ? t('banner.lost', { seconds }) : t('banner.trying')}</span>
          <Button onClick={() => void probe()}>{t('banner.retry')}</Button>
        </>
      ) : (
        <>
          <span>
            {t('banner.starting')}{' '}
            {progress && t('banner.replay', { current: progress.current, max: progress.max })}
          </span>
          {progress && (
            <progress
              aria-label={t('banner.progress')}
              max={Math.max(1, progress.max - progress.min)}
              value={progress.current - progress.min}
            />
          )}
        </>
      )}
    </div>
  );
}

// In the server's own words.
function NotificationBanners() {
  const zone = useSettings((s) => s.zone);
  const { active, hidden } = useNotifications();
  return (
    <>
      {active
        .filter((n) => !hidden.includes(n.text))
        .map((n) => (
          <div key={n.text} className="banner">
            <span className="shape shape-pending" aria-hidden="true" />
            <span className="banner-text">
              {n.text} <span className="muted">{showDateTime(Date.parse(n.date), zone)}</span>
            </span>
            <IconButton icon="close" label={t('banner.hide')} onClick={() => hideNotification(n.text)} />
          </div>
        ))}
    </>
  );
}
