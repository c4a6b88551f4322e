import type { NamedCount } from '../../api/types';
import { t } from '../../app/i18n';
import { Empty } from '../../ui/states';

export interface CountTableProps {
  title: string;
  column: string;
  counts: readonly NamedCount[];
  // What the counts are parts of; without it the bars compare them with the largest.
  whole?: number;
  format: (value: number) => string;
  onSelect?: (name: string) => void;
}

// Names with their counts, a bar each.
export function CountTable({ title, column, counts, whole, format, onSelect }: CountTableProps) {
  const top = whole ?? Math.max(...counts.map((c) => c.value), 1);
  return (
    <section className="block list" aria-label={title}>
      <h2 className="card-title">{title}</h2>
      {counts.length === 0 ? (
        <Empty title={t('tsdb.nothing')} />
      ) : (
        <table className="plain counts">
          <thead>
            <tr>
              <th scope="col">{column}</th>
              <th scope="col" className="num">
                {t('tsdb.count')}
              </th>
              {whole !== undefined && (
                <th scope="col" className="num">
                  {t('tsdb.share')}
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {counts.map(({ name, value }) => (
              <tr key={name}>
                <th scope="row">
                  {onSelect ? (
                    <button type="button" className="count-name" onClick={() => onSelect(name)}>
                      {name === '' ? t('tsdb.noValue') : name}
                    </button>
                  ) : (
                    <span className="count-name">{name === '' ? t('tsdb.noValue') : name}</span>
                  )}
                  <span className="heat-bar" aria-hidden="true">
                    <i style={{ width: `${Math.max(0.5, (100 * value) / Math.max(1, top))}%` }} />
                  </span>
                </th>
                <td className="num">{format(value)}</td>
                {whole !== undefined && <td className="num muted">{percent(value, whole)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

export function percent(part: number, whole: number): string {
  if (whole <= 0) return '–';
  const share = (100 * part) / whole;
  return `${share >= 10 || share === 0 ? Math.round(share) : share.toPrecision(2)} %`;
}
