// The lengths that the range goes through when it is made longer or shorter.
export const m = 60_000;
export const h = 60 * m;
export const d = 24 * h;
export const rangesMs = [
  m,
  5 * m,
  15 * m,
  30 * m,
  h,
  2 * h,
  6 * h,
  12 * h,
  d,
  2 * d,
  7 * d,
  14 * d,
  28 * d,
  56 * d,
  182 * d,
  365 * d,
  730 * d,
];

export function nextRange(rangeMs: number, direction: -1 | 1): number {
  if (direction > 0) return rangesMs.find((r) => r > rangeMs) ?? rangeMs;
  return rangesMs.findLast((r) => r < rangeMs) ?? rangeMs;
}
