import { useEffect, useState } from 'react';
import { probe, useConnection } from '../api/connection';
import { Button } from '../ui/primitives';
import { t, useLanguage } from './i18n';

export function Banners() {
  useLanguage();
  const { state, retryAt, replay } = useConnection();
  const [, tick] = useState(0);
  useEffect(() => {
    if (state !== 'lost') return undefined;
    const timer = setInterval(() => tick((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, [state]);
  if (state === 'ok') return <div role="status" />;
  const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  const progress = replay && replay.max > 0 ? replay : null;
  return (
    <div className="banner" data-kind={state} role="status">
      <span className={`shape shape-${state === 'lost' ? 'firing' : 'pending'}`} aria-hidden="true" />
      {state === 'lost' ? (
        <>
          <span>{seconds > 0 ? t('banner.lost', { seconds }) : t('banner.trying')}</span>
          <Button onClick={() => void probe()}>{t('banner.retry')}</Button>
        </>
      ) : (
        <span>
          {t('banner.starting')}{' '}
          {progress && t('banner.replay', { current: progress.current, max: progress.max })}
        </span>
      )}
    </div>
  );
}
