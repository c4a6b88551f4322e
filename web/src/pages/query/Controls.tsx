// Time, resolution and display controls of a panel.
import { lazy, Suspense } from 'react';
import { t, useLanguage } from '../../app/i18n';
import { tooltips, useSettings, type Tooltip } from '../../app/settings';
import { formatDuration, parseDuration } from '../../time/duration';
import { showDateTime, parseDateTime } from '../../time/zone';
import { Check, CommitField, IconButton, Popover, Segmented, Select } from '../../ui/primitives';
import { lineStyles, type LineStyle } from '../../chart/model';
import { isRelative, resolveTime, spanAt } from '../../time/range';
import { d, h, m, nextRange, rangesMs } from './ranges';
import { units, type Unit } from '../../units/unit';
import { readNumber, type PanelMode, type PanelOptions, type Resolution } from './url';

const TimePicker = lazy(() => import('./TimePicker'));

export type Change = (change: Partial<PanelOptions>, how?: 'push' | 'replace') => void;

interface Props {
  options: PanelOptions;
  change: Change;
}

function PickerButton({ options, change, moment }: Props & { moment: boolean }) {
  const label = t(moment ? 'query.pickMoment' : 'query.pickRange');
  return (
    <Popover label={label} icon="calendar">
      {(close) => (
        <Suspense fallback={<p className="time-loading muted">{t('state.loading')}</p>}>
          <TimePicker
            span={options}
            moment={moment}
            onChange={({ from, to, endMs, rangeMs }) => change({ from, to, endMs, rangeMs })}
            close={close}
          />
        </Suspense>
      )}
    </Popover>
  );
}

// ‹ time › : null is now. Shifts go by half the range.
function EndField({ options, change, label }: Props & { label: string }) {
  const zone = useSettings((s) => s.zone);
  const isNow = options.endMs === null && options.to === '';
  const text = isNow
    ? t('query.now')
    : isRelative(options.to)
      ? options.to
      : showDateTime(spanAt(options, Date.now(), zone).endMs, zone);
  const shift = (by: number) => {
    const { startMs, endMs } = spanAt(options, Date.now(), zone);
    const next = endMs + by * (endMs - startMs);
    change({ endMs: next >= Date.now() ? null : Math.round(next / 1000) * 1000 });
  };
  return (
    <span className="control-group" role="group" aria-label={label}>
      <IconButton icon="left" label={t('query.earlier')} onClick={() => shift(-0.5)} />
      <CommitField
        label={label}
        value={text}
        placeholder={t('query.now')}
        invalid={t('query.badTime')}
        widthCh={Math.max(8, text.length + 2)}
        accept={(text) => {
          const trimmed = text.trim();
          if (trimmed === '' || trimmed === 'now' || trimmed === t('query.now')) {
            change({ endMs: null });
            return true;
          }
          if (isRelative(trimmed) && resolveTime(trimmed, Date.now(), zone, 'to') !== null) {
            change({ to: trimmed });
            return true;
          }
          const parsed = parseDateTime(trimmed, zone);
          if (parsed === null) return false;
          change({ endMs: parsed });
          return true;
        }}
      />
      {!isNow && <IconButton icon="close" label={t('query.toNow')} onClick={() => change({ endMs: null })} />}
      <IconButton icon="right" label={t('query.later')} disabled={isNow} onClick={() => shift(0.5)} />
    </span>
  );
}

export function TableControls(props: Props) {
  useLanguage();
  return (
    <>
      <PickerButton {...props} moment />
      <EndField {...props} label={t('query.moment')} />
    </>
  );
}

const fixedStepsMs = [1, 5, 10, 15, 30, 60, 300, 900, 3600, 21_600, 86_400].map((s) => s * 1000);

function resolutionValue(r: Resolution): string {
  if (r.type === 'auto') return 'auto';
  if (r.type === 'density') return r.density;
  return r.custom || !fixedStepsMs.includes(r.stepMs) ? 'custom' : String(r.stepMs);
}

export function GraphControls({
  options,
  change,
  stepMs,
  histogram,
  onlyHeat,
  queryNames,
}: Props & {
  stepMs: number;
  histogram: boolean;
  // Native histograms alone: nothing that could be a line.
  onlyHeat: boolean;
  queryNames: string[];
}) {
  useLanguage();
  const { tooltip, zone } = useSettings();
  const { startMs, endMs } = spanAt(options, Date.now(), zone);
  // A start that is said in words has no length of its own.
  const range = options.from === '' ? options.rangeMs : endMs - startMs;
  const rangeText =
    options.from === ''
      ? formatDuration(options.rangeMs)
      : isRelative(options.from)
        ? options.from
        : showDateTime(startMs, zone);
  const resolution = resolutionValue(options.resolution);
  const setResolution = (value: string) => {
    if (value === 'auto') change({ resolution: { type: 'auto' } });
    else if (value === 'custom') change({ resolution: { type: 'step', stepMs, custom: true } });
    else if (value === 'low' || value === 'medium' || value === 'high')
      change({ resolution: { type: 'density', density: value } });
    else change({ resolution: { type: 'step', stepMs: Number(value), custom: false } });
  };
  return (
    <>
      <PickerButton options={options} change={change} moment={false} />
      <span className="control-group" role="group" aria-label={t('query.range')}>
        <IconButton
          icon="minus"
          label={t('query.rangeShorter')}
          onClick={() => change({ rangeMs: nextRange(range, -1) })}
        />
        <CommitField
          label={t('query.range')}
          value={rangeText}
          widthCh={Math.max(8, rangeText.length + 2)}
          invalid={t('query.badRange')}
          list={rangesMs.map(formatDuration)}
          accept={(text) => {
            if (isRelative(text) && resolveTime(text, Date.now(), zone, 'from') !== null) {
              change({ from: text.trim() });
              return true;
            }
            const parsed = parseDuration(text);
            if (parsed === null) return false;
            change({ rangeMs: parsed });
            return true;
          }}
        />
        <IconButton
          icon="plus"
          label={t('query.rangeLonger')}
          onClick={() => change({ rangeMs: nextRange(range, 1) })}
        />
      </span>
      <EndField options={options} change={change} label={t('query.end')} />
      <span className="control-group">
        <Select
          label={t('query.resolution')}
          value={resolution}
          options={[
            { value: 'auto', label: t('query.res.auto') },
            { value: 'low', label: t('query.res.low') },
            { value: 'medium', label: t('query.res.medium') },
            { value: 'high', label: t('query.res.high') },
            ...fixedStepsMs.map((s) => ({
              value: String(s),
              label: t('query.res.step', { step: formatDuration(s) }),
            })),
            { value: 'custom', label: t('query.res.custom') },
          ]}
          onChange={setResolution}
        />
        {resolution === 'custom' && options.resolution.type === 'step' && (
          <CommitField
            label={t('query.res.customLabel')}
            value={formatDuration(options.resolution.stepMs)}
            invalid={t('query.badRange')}
            accept={(text) => {
              const parsed = parseDuration(text);
              if (parsed === null) return false;
              change({ resolution: { type: 'step', stepMs: parsed, custom: true } });
              return true;
            }}
          />
        )}
      </span>
      <Segmented<PanelMode>
        label={t('query.mode')}
        value={onlyHeat ? 'heatmap' : options.mode}
        options={[
          { value: 'lines', label: t('query.mode.lines') },
          { value: 'stacked', label: t('query.mode.stacked') },
          { value: 'percent', label: t('query.mode.percent') },
          ...(histogram || options.mode === 'heatmap'
            ? [{ value: 'heatmap' as const, label: t('query.mode.heatmap') }]
            : []),
        ]}
        onChange={(mode) => change({ mode }, 'push')}
      />
      <Popover label={t('query.options')} icon="sliders">
        {() => (
          <div className="popover-list">
            <Select<LineStyle>
              label={t('query.style')}
              showLabel
              value={options.style}
              options={lineStyles.map((style) => ({ value: style, label: t(`query.style.${style}`) }))}
              onChange={(style) => change({ style })}
            />
            <Select
              label={t('query.connect')}
              showLabel
              value={String(options.connectMs)}
              options={[
                { value: '0', label: t('query.connect.off') },
                ...[...new Set([m, 5 * m, h, options.connectMs])]
                  .filter((by) => by > 0)
                  .map((by) => ({
                    value: String(by),
                    label: t('query.connect.upTo', { time: formatDuration(by) }),
                  })),
              ]}
              onChange={(by) => change({ connectMs: Number(by) })}
            />
            <Check label={t('query.yZero')} checked={options.yZero} onChange={(yZero) => change({ yZero })} />
            <Check label={t('query.yLog')} checked={options.yLog} onChange={(yLog) => change({ yLog })} />
            <div className="popover-pair">
              {(['yMin', 'yMax'] as const).map((end) => (
                <label className="field" key={end}>
                  <span className="field-label">{t(`query.${end}`)}</span>
                  <CommitField
                    label={t(`query.${end}`)}
                    value={options[end] === null ? '' : String(options[end])}
                    placeholder={t('query.res.auto')}
                    invalid={t('query.badNumber')}
                    widthCh={9}
                    accept={(text) => {
                      const value = readNumber(text);
                      if (value === null && text.trim() !== '') return false;
                      change({ [end]: value });
                      return true;
                    }}
                  />
                </label>
              ))}
            </div>
            <Select<Unit>
              label={t('query.unit')}
              showLabel
              value={options.unit}
              options={units.map((unit) => ({ value: unit, label: t(`query.unit.${unit}`) }))}
              onChange={(unit) => change({ unit })}
            />
            <Check
              label={t('query.exemplars')}
              checked={options.exemplars}
              onChange={(exemplars) => change({ exemplars })}
            />
            {queryNames.length > 1 && (
              <fieldset className="popover-group">
                <legend>{t('query.rightAxis')}</legend>
                {queryNames.map((name, index) => (
                  <Check
                    key={name}
                    label={name}
                    checked={options.rightAxis.includes(index)}
                    onChange={(on) => {
                      const others = options.rightAxis.filter((i) => i !== index);
                      change({ rightAxis: on ? [...others, index].sort() : others });
                    }}
                  />
                ))}
              </fieldset>
            )}
            <Select
              label={t('query.compare')}
              showLabel
              value={String(options.compareMs)}
              options={[
                { value: '0', label: t('query.compare.off') },
                ...[...new Set([h, d, 7 * d, options.compareMs])]
                  .filter((by) => by > 0)
                  .map((by) => ({
                    value: String(by),
                    label: t('chart.earlier', { range: formatDuration(by) }),
                  })),
              ]}
              onChange={(by) => change({ compareMs: Number(by) })}
            />
            <Select<Tooltip>
              label={t('query.tooltip')}
              showLabel
              value={tooltip}
              options={tooltips.map((value) => ({ value, label: t(`query.tooltip.${value}`) }))}
              onChange={(value) => useSettings.setState({ tooltip: value })}
            />
          </div>
        )}
      </Popover>
    </>
  );
}
