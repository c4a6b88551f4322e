// Which colour and dash a series gets: a hash of its labels chooses, neighbours step aside.
import type { LabelSet } from '../api/types';
import { labelHash } from '../frame/labels';

export const paletteSize = 12;

export interface LineLook {
  // 0-based index into the palette.
  color: number;
  // Empty = solid. Eight hues can be told apart with colour-vision deficiency; the rest differ by dash too.
  dash: number[];
}

const dashes = [[], [6, 3], [2, 3]];

// Series with equal hashes modulo the palette would look alike, so each takes the first free slot after its
// own. Visited in hash order: the outcome does not depend on the order of the answer.
export function lineLooks(series: readonly LabelSet[]): LineLook[] {
  const hashes = series.map(labelHash);
  const order = hashes
    .map((_, i) => i)
    .sort((a, b) => (hashes[a] as number) - (hashes[b] as number) || a - b);
  const used = new Array<number>(paletteSize).fill(0);
  const looks = new Array<LineLook>(series.length);
  for (const index of order) {
    const fewest = Math.min(...used);
    let slot = (hashes[index] as number) % paletteSize;
    while (used[slot] !== fewest) slot = (slot + 1) % paletteSize;
    const round = used[slot] as number;
    used[slot] = round + 1;
    looks[index] = { color: slot, dash: dashes[(round + (slot >= 8 ? 1 : 0)) % dashes.length] as number[] };
  }
  return looks;
}

export interface ChartColors {
  palette: string[];
  heat: string[];
  text: string;
  muted: string;
  line: string;
  surface: string;
  ember: string;
}

// Reads the tokens: canvases cannot use var().
export function chartColors(element: Element): ChartColors {
  const style = getComputedStyle(element);
  const token = (name: string) => style.getPropertyValue(name).trim();
  return {
    palette: Array.from({ length: paletteSize }, (_, i) => token(`--series-${i + 1}`)),
    heat: Array.from({ length: 8 }, (_, i) => token(`--heat-${i}`)),
    text: token('--text'),
    muted: token('--text-muted'),
    line: token('--line'),
    surface: token('--surface'),
    ember: token('--ember'),
  };
}
