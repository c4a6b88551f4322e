// The time of a panel: often used ranges, a calendar, two texts, what was used before. Everything that can be
// clicked writes the texts, so that one sees how a range is called.
import '../../app/i18n/pages';
import '../../style/time.css';
import { useId, useLayoutEffect, useRef, useState } from 'react';
import { currentLanguage, t, useLanguage, type MessageKey } from '../../app/i18n';
import { useSettings } from '../../app/settings';
import { addMonths, dayAfterKey, dayOf, dayText, monthOf, weeksOf } from '../../time/calendar';
import { isRelative, readRange, resolveTime, spanAt, spanOf, type Span } from '../../time/range';
import { showDateTime, zoneLabel } from '../../time/zone';
import { Button, IconButton } from '../../ui/primitives';
import { copyText, toast } from '../../ui/toast';
import { nextRange } from './ranges';

type Quick = [name: MessageKey, n: number, from: string, to: string];

const quickRanges: Quick[] = [
  ['time.lastMinutes', 15, 'now-15m', 'now'],
  ['time.lastHours', 1, 'now-1h', 'now'],
  ['time.lastHours', 6, 'now-6h', 'now'],
  ['time.lastHours', 24, 'now-1d', 'now'],
  ['time.lastDays', 7, 'now-1w', 'now'],
  ['time.lastDays', 30, 'now-30d', 'now'],
  ['time.today', 0, 'now/d', 'now'],
  ['time.yesterday', 0, 'now-1d/d', 'now-1d/d'],
  ['time.sameDayLastWeek', 0, 'now-7d/d', 'now-7d/d'],
  ['time.thisWeek', 0, 'now/w', 'now'],
  ['time.lastWeek', 0, 'now-7d/w', 'now-7d/w'],
  ['time.thisMonth', 0, 'now/M', 'now'],
  ['time.lastMonth', 0, 'now-1M/M', 'now-1M/M'],
  ['time.lastHour', 0, 'now-1h/h', 'now-1h/h'],
];
const quickMoments: Quick[] = [
  ['time.now', 0, '', 'now'],
  ['time.minutesAgo', 15, '', 'now-15m'],
  ['time.hoursAgo', 1, '', 'now-1h'],
  ['time.hoursAgo', 6, '', 'now-6h'],
  ['time.daysAgo', 1, '', 'now-1d'],
  ['time.daysAgo', 7, '', 'now-7d'],
  ['time.endOfYesterday', 0, '', 'now-1d/d'],
];

const recentKey = 'narthex.ranges';
const recentMax = 5;

interface Texts {
  from: string;
  to: string;
}

function recentRanges(): Texts[] {
  try {
    const kept = JSON.parse(localStorage.getItem(recentKey) ?? '[]') as unknown;
    if (!Array.isArray(kept)) return [];
    return kept
      .filter((r: Partial<Texts> | null) => typeof r?.from === 'string' && typeof r.to === 'string')
      .slice(0, recentMax) as Texts[];
  } catch {
    return [];
  }
}

function rememberRange(texts: Texts): void {
  const others = recentRanges().filter((r) => r.from !== texts.from || r.to !== texts.to);
  try {
    localStorage.setItem(recentKey, JSON.stringify([texts, ...others].slice(0, recentMax)));
  } catch {
    // A full or forbidden store: the range is used all the same.
  }
}

export default function TimePicker(props: {
  span: Span;
  // One point in time instead of a range.
  moment: boolean;
  onChange: (span: Span) => void;
  close: () => void;
}) {
  useLanguage();
  const { span, moment } = props;
  const zone = useSettings((s) => s.zone);
  const keepsHistory = useSettings((s) => s.history);
  const shown = (text: string) => (/^\d{12,}$/.test(text) ? showDateTime(Number(text), zone) : text);
  const textsOf = (s: Span): Texts => {
    const { startMs, endMs } = spanAt(s, Date.now(), zone);
    const to = s.to ? shown(s.to) : s.endMs === null ? 'now' : showDateTime(endMs, zone);
    const from =
      s.from !== ''
        ? shown(s.from)
        : s.endMs === null && s.to === ''
          ? `now-${s.rangeMs % 60_000 === 0 ? `${s.rangeMs / 60_000}m` : `${Math.round(s.rangeMs / 1000)}s`}`
          : showDateTime(startMs, zone);
    return { from, to };
  };
  const [texts, setTexts] = useState(() => textsOf(span));
  const [bad, setBad] = useState(false);
  const id = useId();

  const apply = ({ from, to }: Texts, remember = true) => {
    const now = Date.now();
    if (moment) {
      const endMs = resolveTime(to, now, zone, 'to');
      setBad(endMs === null);
      if (endMs === null) return;
      const later = isRelative(to) && to.trim() !== 'now';
      props.onChange({ ...span, from: '', to: later ? to.trim() : '', endMs: isRelative(to) ? null : endMs });
    } else {
      const next = spanOf(from, to, now, zone);
      setBad(next === null);
      if (!next) return;
      if (remember && keepsHistory) rememberRange({ from, to });
      props.onChange(next);
    }
    props.close();
  };
  const step = (change: Span) => {
    props.onChange(change);
    setTexts(textsOf(change));
    setBad(false);
  };
  const shift = (by: number) => {
    const { startMs, endMs } = spanAt(span, Date.now(), zone);
    const range = endMs - startMs;
    const end = Math.round((endMs + by * range) / 1000) * 1000;
    step({ from: '', to: '', rangeMs: range, endMs: end >= Date.now() ? null : end });
  };
  const zoomOut = () => {
    const { startMs, endMs } = spanAt(span, Date.now(), zone);
    const rangeMs = Math.max(nextRange(endMs - startMs, 1), 2 * (endMs - startMs));
    const relative = span.endMs === null && span.to === '';
    // Both sides move away from the middle, but not beyond now.
    const end = relative ? null : endMs + (rangeMs - (endMs - startMs)) / 2;
    step({ from: '', to: '', rangeMs, endMs: end === null || end >= Date.now() ? null : Math.round(end) });
  };
  const paste = async () => {
    try {
      const range = readRange(await navigator.clipboard.readText());
      if (range) setTexts({ from: shown(range.from), to: shown(range.to) });
      setBad(!range);
    } catch {
      toast(t('state.copyFailed'));
    }
  };
  const recent = moment || !keepsHistory ? [] : recentRanges();
  const quick = moment ? quickMoments : quickRanges;
  const field = (edge: 'from' | 'to', label: string) => (
    <label className="time-field">
      <span>{label}</span>
      <input
        type="text"
        className="input"
        value={texts[edge]}
        spellCheck="false"
        autoComplete="off"
        aria-invalid={bad || undefined}
        aria-describedby={bad ? `${id}-bad` : undefined}
        onInput={(e) => setTexts({ ...texts, [edge]: e.currentTarget.value })}
      />
    </label>
  );
  return (
    <div className="time-picker">
      <form
        className="time-main"
        onSubmit={(e) => {
          e.preventDefault();
          apply(texts);
        }}
      >
        {!moment && field('from', t('time.from'))}
        {field('to', moment ? t('query.moment') : t('time.to'))}
        {bad && (
          <p id={`${id}-bad`} className="time-bad" role="alert">
            {t(moment ? 'time.badMoment' : 'time.bad')}
          </p>
        )}
        <Calendar
          fromMs={moment ? null : resolveTime(texts.from, Date.now(), zone, 'from')}
          toMs={resolveTime(texts.to, Date.now(), zone, 'to')}
          onPick={(from, to) => {
            setBad(false);
            if (moment) {
              const time = showDateTime(resolveTime(texts.to, Date.now(), zone, 'to') ?? Date.now(), zone);
              setTexts({ from: '', to: `${dayText(to)}${time.slice(10)}` });
            } else {
              setTexts({ from: `${dayText(from)} 00:00:00`, to: `${dayText(to)} 23:59:59` });
            }
          }}
          moment={moment}
        />
        <div className="time-row">
          <Button kind="primary" type="submit">
            {t('time.apply')}
          </Button>
          {!moment && (
            <>
              <IconButton icon="left" label={t('query.earlier')} onClick={() => shift(-0.5)} />
              <IconButton icon="right" label={t('query.later')} onClick={() => shift(0.5)} />
              <IconButton icon="minus" label={t('time.zoomOut')} onClick={zoomOut} />
              <span className="grow" />
              <Button kind="ghost" onClick={() => void copyText(`${texts.from} to ${texts.to}`)}>
                {t('time.copy')}
              </Button>
              <Button kind="ghost" onClick={() => void paste()}>
                {t('time.paste')}
              </Button>
            </>
          )}
        </div>
        <p className="muted time-zone">
          {t('settings.zone')}: {zone === 'browser' || zone === 'UTC' ? '' : `${zone} `}
          {zoneLabel(Date.now(), zone)}
        </p>
      </form>
      <ul className="time-quick" aria-label={t('time.quick')}>
        {recent.map((r) => (
          <li key={`${r.from} ${r.to}`}>
            <button type="button" className="menu-item" onClick={() => apply(r)}>
              <code>
                {r.from} – {r.to}
              </code>
            </button>
          </li>
        ))}
        {quick.map(([name, n, from, to]) => (
          <li key={from + to}>
            <button type="button" className="menu-item" onClick={() => apply({ from, to }, false)}>
              {t(name, { n })}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Calendar(props: {
  fromMs: number | null;
  toMs: number | null;
  moment: boolean;
  onPick: (fromDay: number, toDay: number) => void;
}) {
  const zone = useSettings((s) => s.zone);
  const language = currentLanguage();
  const today = dayOf(Date.now(), zone);
  const toDay = props.toMs === null ? null : dayOf(props.toMs, zone);
  const fromDay = props.fromMs === null ? toDay : dayOf(props.fromMs, zone);
  const [cursor, setCursor] = useState(toDay ?? today);
  // The day that the next click may extend to a range.
  const [anchor, setAnchor] = useState<number | null>(null);
  const grid = useRef<HTMLTableElement>(null);
  const moved = useRef(false);
  const month = monthOf(cursor);
  const name = new Intl.DateTimeFormat(language, { month: 'long', year: 'numeric', timeZone: 'UTC' });
  const weekday = new Intl.DateTimeFormat(language, { weekday: 'short', timeZone: 'UTC' });
  const full = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeZone: 'UTC' });
  // Before the next key: Enter right after an arrow means the day that the arrow led to.
  useLayoutEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    grid.current?.querySelector<HTMLElement>('button[tabindex="0"]')?.focus();
  }, [cursor]);
  const pick = (day: number) => {
    setCursor(day);
    if (props.moment) return props.onPick(day, day);
    if (anchor !== null && day >= anchor) {
      setAnchor(null);
      return props.onPick(anchor, day);
    }
    setAnchor(day);
    return props.onPick(day, day);
  };
  const weeks = weeksOf(month);
  return (
    <div className="calendar">
      <div className="time-row">
        <IconButton
          icon="left"
          label={t('time.monthBefore')}
          onClick={() => setCursor(addMonths(cursor, -1))}
        />
        <span className="grow calendar-month" aria-live="polite">
          {name.format(month)}
        </span>
        <IconButton
          icon="right"
          label={t('time.monthAfter')}
          onClick={() => setCursor(addMonths(cursor, 1))}
        />
      </div>
      <table
        ref={grid}
        aria-label={name.format(month)}
        onKeyDown={(e) => {
          const next = dayAfterKey(e.key, cursor);
          if (next === null) return;
          e.preventDefault();
          moved.current = true;
          setCursor(next);
        }}
      >
        <thead>
          <tr>
            {(weeks[0] ?? []).map((day) => (
              <th key={day} scope="col">
                {weekday.format(day)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeks.map((week) => (
            <tr key={week[0]}>
              {week.map((day) => {
                const chosen = fromDay !== null && toDay !== null && day >= fromDay && day <= toDay;
                return (
                  <td key={day}>
                    <button
                      type="button"
                      tabIndex={day === cursor ? 0 : -1}
                      aria-pressed={chosen}
                      aria-current={day === today ? 'date' : undefined}
                      data-other={monthOf(day) !== month || undefined}
                      data-chosen={chosen || undefined}
                      onClick={() => pick(day)}
                    >
                      <span aria-hidden="true">{new Date(day).getUTCDate()}</span>
                      <span className="sr-only">{full.format(day)}</span>
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {anchor !== null && <p className="muted">{t('time.pickEnd')}</p>}
    </div>
  );
}
