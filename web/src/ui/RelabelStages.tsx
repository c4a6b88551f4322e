// What each relabelling rule makes of a label set, rule by rule.
import '../app/i18n/pages';
import type { LabelSet } from '../api/types';
import { t } from '../app/i18n';
import { relabelStages, ruleText, type RelabelSteps } from './relabel-steps';
import { Empty } from './states';

export function RelabelStages({ steps, discovered }: { steps: RelabelSteps; discovered: LabelSet }) {
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
