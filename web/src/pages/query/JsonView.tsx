// The answers of a panel's queries as the server gives them, readable: for those who write a program against it.
import '../../app/i18n/pages';
import { useMemo } from 'react';
import { formatCount, t } from '../../app/i18n';
import { Button } from '../../ui/primitives';
import { copyText } from '../../ui/toast';
import { answerText } from './json';
import type { QueryOutcome } from './run';

// A page with megabytes of text is of no use, and slow; copying takes all of it.
const shownMax = 100_000;

export default function JsonView({
  outcomes,
  names,
}: {
  outcomes: (QueryOutcome | null)[];
  names: string[];
}) {
  return (
    <>
      {outcomes.map((outcome, i) =>
        outcome && outcome.error === null && outcome.data ? (
          <Answer key={i} outcome={outcome} name={names[i] ?? ''} several={names.length > 1} />
        ) : null,
      )}
    </>
  );
}

function Answer({ outcome, name, several }: { outcome: QueryOutcome; name: string; several: boolean }) {
  const text = useMemo(() => answerText(outcome), [outcome]);
  return (
    <div className="json-answer">
      <div className="json-head">
        {several && <strong>{name}</strong>}
        <code className="muted">{`/api/v1/${outcome.path}`}</code>
        <span className="grow" />
        <Button kind="ghost" onClick={() => void copyText(text)}>
          {t('json.copy')}
        </Button>
      </div>
      {/* A box that scrolls must be within reach of the keyboard. */}
      <pre className="json-text" tabIndex={0} role="region" aria-label={t('json.of', { name })}>
        {text.slice(0, shownMax)}
      </pre>
      {text.length > shownMax && (
        <p className="muted">
          {t('json.cut', { shown: formatCount(shownMax), all: formatCount(text.length) })}
        </p>
      )}
    </div>
  );
}
