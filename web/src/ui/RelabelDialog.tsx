// What each relabelling rule makes of a discovered target, rule by rule.
import '../app/i18n/pages';
import { Link } from 'wouter';
import { useServerData } from '../api/server-data';
import { ApiError } from '../api/client';
import type { LabelSet } from '../api/types';
import { t, useLanguage } from '../app/i18n';
import { rulesText, type RelabelSteps } from './relabel-steps';
import { RelabelStages } from './RelabelStages';
import { encode } from '../pages/relabel/labels';
import { Loaded } from './Loaded';
import { Dialog } from './primitives';
import { Empty } from './states';

export interface RelabelProps {
  pool: string;
  name: string;
  discovered: LabelSet;
  onClose: () => void;
}

export default function RelabelDialog({ pool, name, discovered, onClose }: RelabelProps) {
  useLanguage();
  const steps = useServerData<RelabelSteps>('targets/relabel_steps', {
    scrapePool: pool,
    labels: JSON.stringify(discovered),
  });
  const missing = steps.error instanceof ApiError && steps.error.status === 404;
  return (
    <Dialog title={t('relabel.title', { name })} onClose={onClose} className="dialog-wide">
      {missing ? (
        <Empty title={t('relabel.missing')} />
      ) : (
        <Loaded from={steps} rows={6} label={t('relabel.steps')} plain>
          {(data) => (
            <>
              <RelabelStages steps={data} discovered={discovered} />
              <Link
                href={`/explore/relabel?${encode({ rules: rulesText(data), labels: JSON.stringify(discovered) })}`}
                onClick={onClose}
              >
                {t('relabel.try')}
              </Link>
            </>
          )}
        </Loaded>
      )}
    </Dialog>
  );
}
