// What each relabelling rule makes of a discovered target, rule by rule.
import '../app/i18n/pages';
import { useServerData } from '../api/server-data';
import { ApiError } from '../api/client';
import type { LabelSet } from '../api/types';
import { t, useLanguage } from '../app/i18n';
import { relabelStages, ruleText, type RelabelSteps } from './relabel-steps';
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
          {(data) => <Stages steps={data} discovered={discovered} />}
        </Loaded>
      )}
    </Dialog>
  );
}

function Stages({ steps, discovered }: { steps: RelabelSteps; discovered: LabelSet }) {
  const stages = relabelStages(steps, discovered);
  const dropped = stages.find((stage) => stage.kind === 'dropped');
  if (stages.length === 0) return <Empty title={t('relabel.none')} hint={t('relabel.noneHint')} />;
  return (
    <>
      <p className="relabel-result" role="status">
        <span className={`badge badge-${dropped ? 'unknown' : 'ok'}`}>
          <span className={`shape shape-${dropped ? 'unknown' : 'ok'}`} aria-hidden="true" />
          {dropped ? t('relabel.droppedBy', { number: dropped.number }) : t('relabel.kept')}
        </span>
      </p>
      <ol className="relabel">
        {stages.map((stage) => (
          <li key={stage.number} data-kind={stage.kind}>
            <div className="relabel-head">
              <b>{t('relabel.rule', { number: stage.number })}</b>
              <span className="muted">{t(`relabel.kind.${stage.kind}`)}</span>
            </div>
            <pre className="relabel-rule">{ruleText(stage.rule)}</pre>
            {stage.changes.length > 0 && (
              <ul className="relabel-changes">
                {stage.changes.map((change) => (
                  <li key={change.name}>
                    <code>{change.name}</code>{' '}
                    {change.before !== undefined && <del>{change.before || '""'}</del>}
                    {change.before !== undefined && change.after !== undefined && ' → '}
                    {change.after !== undefined && <ins>{change.after || '""'}</ins>}
                  </li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ol>
    </>
  );
}
