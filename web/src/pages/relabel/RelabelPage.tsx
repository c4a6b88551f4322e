// /explore/relabel: relabelling rules tried out on labels, step by step, before they stand in the configuration.
import '../../app/i18n/pages';
import { useEffect, useId, useState } from 'react';
import { useServerData } from '../../api/server-data';
import { t, useLanguage } from '../../app/i18n';
import { useUrlState } from '../../app/url-state';
import { seriesText } from '../../frame/labels';
import { Loaded } from '../../ui/Loaded';
import { RelabelStages } from '../../ui/RelabelStages';
import type { RelabelSteps } from '../../ui/relabel-steps';
import { Empty } from '../../ui/states';
import { decode, encode, readLabels, type PageState } from './labels';

const exampleRules = `- source_labels: [__address__]
  regex: (.+):\\d+
  target_label: host
- action: drop
  source_labels: [host]
  regex: test-.*`;
const exampleLabels = '__address__="web-1:9100"\njob="node"';

// What was typed, once the typing rests.
function useRested(state: PageState): PageState {
  const [rested, setRested] = useState(state);
  useEffect(() => {
    const timer = setTimeout(() => setRested(state), 300);
    return () => clearTimeout(timer);
  }, [state.rules, state.labels]);
  return rested;
}

export default function RelabelPage() {
  useLanguage();
  const [state, change] = useUrlState(decode, encode);
  const rested = useRested(state);
  const labels = readLabels(rested.labels);
  const asked = rested.rules.trim() !== '' && rested.labels.trim() !== '';
  const answer = useServerData<RelabelSteps>(
    '/api/narthex/v1/relabel:debug',
    { rules: rested.rules, labels: JSON.stringify(labels ?? {}) },
    { form: true, enabled: asked && labels !== null },
  );
  return (
    <div className="page relabel-page">
      <div className="relabel-inputs">
        <TextArea
          label={t('relabel.rules')}
          hint={t('relabel.rulesHint')}
          placeholder={exampleRules}
          value={state.rules}
          onInput={(rules) => change({ rules }, 'replace')}
        />
        <TextArea
          label={t('relabel.labels')}
          hint={t('relabel.labelsHint')}
          placeholder={exampleLabels}
          value={state.labels}
          invalid={labels === null}
          onInput={(text) => change({ labels: text }, 'replace')}
        />
      </div>
      <div>
        {labels === null ? (
          <p role="alert" className="is-firing">
            {t('relabel.badLabels')}
          </p>
        ) : asked ? (
          <Loaded from={answer} rows={6} label={t('relabel.steps')}>
            {(data) => <Outcome steps={data} labels={labels} />}
          </Loaded>
        ) : (
          <Empty title={t('relabel.nothing')} hint={t('relabel.nothingHint')}>
            <button
              type="button"
              className="chip"
              onClick={() => change({ rules: exampleRules, labels: exampleLabels })}
            >
              {t('relabel.example')}
            </button>
          </Empty>
        )}
      </div>
    </div>
  );
}

function Outcome({ steps, labels }: { steps: RelabelSteps; labels: Record<string, string> }) {
  const last = steps.steps.at(-1);
  return (
    <div className="relabel-outcome">
      <RelabelStages steps={steps} discovered={labels} />
      {last?.keep && (
        <p className="relabel-output">
          {t('relabel.after')} <code>{seriesText(last.output)}</code>
        </p>
      )}
    </div>
  );
}

function TextArea(props: {
  label: string;
  hint: string;
  placeholder: string;
  value: string;
  invalid?: boolean;
  onInput: (text: string) => void;
}) {
  const id = useId();
  return (
    <div className="relabel-input">
      <label htmlFor={id}>{props.label}</label>
      <textarea
        id={id}
        rows={10}
        spellCheck={false}
        value={props.value}
        placeholder={props.placeholder}
        aria-invalid={props.invalid || undefined}
        aria-describedby={`${id}-hint`}
        onInput={(e) => props.onInput(e.currentTarget.value)}
      />
      <p id={`${id}-hint`} className="muted">
        {props.hint}
      </p>
    </div>
  );
}
