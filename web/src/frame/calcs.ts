// Reductions of one series for legends. Infinite values count for last, min and max but not for the mean.
export interface Calcs {
  last: number;
  mean: number;
  min: number;
  max: number;
}

export type CalcName = keyof Calcs;
export const calcNames: CalcName[] = ['last', 'mean', 'min', 'max'];

export function calcs(values: Float64Array): Calcs {
  let last = NaN;
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let count = 0;
  let seen = false;
  for (const v of values) {
    if (Number.isNaN(v)) continue;
    seen = true;
    last = v;
    if (v < min) min = v;
    if (v > max) max = v;
    if (Number.isFinite(v)) {
      sum += v;
      count++;
    }
  }
  return { last, mean: count > 0 ? sum / count : NaN, min: seen ? min : NaN, max: seen ? max : NaN };
}
