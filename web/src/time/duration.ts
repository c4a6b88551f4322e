// Prometheus durations: 1h30m, 500ms, 1y2w. All values are milliseconds.

const unitsMs: [string, number][] = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];
const pattern = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

// Milliseconds, or null when the text is not a positive duration. Bare numbers are seconds.
export function parseDuration(text: string): number | null {
  const compact = text.replace(/\s+/g, '');
  if (compact === '') return null;
  if (/^\d+(\.\d+)?$/.test(compact)) {
    const seconds = Number(compact);
    return seconds > 0 && Number.isFinite(seconds) ? seconds * 1000 : null;
  }
  const match = pattern.exec(compact);
  if (!match) return null;
  let total = 0;
  for (const [index, [, ms]] of unitsMs.entries()) total += Number(match[index + 1] ?? 0) * ms;
  return total > 0 && Number.isSafeInteger(total) ? total : null;
}

// As Prometheus prints it: years, weeks and days only when exact.
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  if (rest <= 0) return '0s';
  let out = '';
  for (const [unit, size] of unitsMs) {
    const exactOnly = unit === 'y' || unit === 'w' || unit === 'd';
    if (exactOnly && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) out += `${count}${unit}`;
    rest -= count * size;
  }
  return out;
}
