import './i18n/pages';
import { Dialog } from '../ui/primitives';
import { t, useLanguage, type MessageKey } from './i18n';

type Row = [keys: string[], what: MessageKey];

const anywhere: Row[] = [
  [['?'], 'keys.help'],
  [['Ctrl', 'K'], 'keys.palette'],
  [['g', 'q'], 'keys.goQuery'],
  [['g', 't'], 'keys.goTargets'],
  [['g', 'd'], 'keys.goDiscovery'],
  [['g', 'h'], 'keys.goTsdb'],
  [['g', 'u'], 'keys.goQueries'],
  [['g', 'c'], 'keys.goConfig'],
  [['g', 'l'], 'keys.goFlags'],
  [['g', 's'], 'keys.goStatus'],
  [['/'], 'keys.filter'],
  [['r'], 'keys.refresh'],
  [['c', 'l'], 'keys.copyLink'],
  [['t', '←'], 'keys.shift'],
  [['t', 'z'], 'keys.zoomOut'],
];
const editor: Row[] = [
  [['Enter'], 'keys.run'],
  [['Shift', 'Enter'], 'keys.newLine'],
  [['Alt', '↑'], 'keys.history'],
  [['Ctrl', 'Space'], 'keys.complete'],
];

export default function KeysDialog({ onClose }: { onClose: () => void }) {
  useLanguage();
  const chart: Row[] = [
    [['←', '→'], 'keys.cursor'],
    [['Home', 'End'], 'keys.ends'],
    [['Enter', 'Esc'], 'keys.pin'],
    [['+', '−', '0'], 'keys.zoom'],
    [[t('key.drag')], 'keys.drag'],
    [['Shift', t('key.drag')], 'keys.dragY'],
    [['Ctrl', t('key.drag')], 'keys.pan'],
    [['Ctrl', t('key.wheel')], 'keys.wheel'],
    [[t('key.double')], 'keys.dblclick'],
    [['Space'], 'keys.legendToggle'],
    [['Enter'], 'keys.legendOnly'],
  ];
  const groups: [MessageKey, Row[]][] = [
    ['keys.anywhere', anywhere],
    ['keys.editor', editor],
    ['keys.chart', chart],
  ];
  return (
    <Dialog title={t('keys.title')} onClose={onClose} className="dialog-wide">
      <div className="keys">
        {groups.map(([title, rows]) => (
          <section key={title}>
            <h3>{t(title)}</h3>
            <dl>
              {rows.map(([keys, what]) => (
                <div key={what}>
                  <dt>
                    {keys.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{t(what)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
