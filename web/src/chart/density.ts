// Draws any number of lines as one image: each pixel counts the lines that cross it, and the count, log
// scaled, picks a colour of the ember ramp. Pure; runs in a worker.

export interface DensityInput {
  // rows × points, NaN = gap.
  values: Float64Array;
  rows: number;
  points: number;
  width: number;
  height: number;
  yMin: number;
  yMax: number;
  log: boolean;
}

// Lines per pixel, row-major from the top.
export function countLines(input: DensityInput): Uint32Array {
  const { values, rows, points, width, height, log } = input;
  const counts = new Uint32Array(width * height);
  const low = log ? Math.log10(input.yMin) : input.yMin;
  const high = log ? Math.log10(input.yMax) : input.yMax;
  const yScale = (height - 1) / (high - low || 1);
  const xScale = points > 1 ? (width - 1) / (points - 1) : 0;
  const column = (x: number, from: number, to: number) => {
    const top = Math.max(0, Math.ceil(Math.min(from, to) - 0.5));
    const bottom = Math.min(height - 1, Math.floor(Math.max(from, to) + 0.5));
    for (let y = top; y <= bottom; y++) counts[y * width + x]!++;
  };
  for (let row = 0; row < rows; row++) {
    let previousX = -1;
    let previousY = NaN;
    for (let i = 0; i < points; i++) {
      const raw = values[row * points + i] as number;
      const scaled = log ? Math.log10(raw) : raw;
      if (!Number.isFinite(scaled)) {
        previousY = NaN;
        continue;
      }
      const x = Math.round(i * xScale);
      const y = (high - scaled) * yScale;
      if (Number.isNaN(previousY)) {
        column(x, y, y);
      } else if (x > previousX) {
        // Each pixel column gets the part of the segment that lies in it, once.
        const slope = (y - previousY) / (x - previousX);
        for (let c = previousX + 1; c <= x; c++) {
          column(c, previousY + slope * (c - 1 - previousX), previousY + slope * (c - previousX));
        }
      }
      previousX = x;
      previousY = y;
    }
  }
  return counts;
}

export type Rgb = [number, number, number];

export function parseHex(color: string): Rgb {
  const n = Number.parseInt(color.slice(1, 7), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}

// RGBA, transparent where nothing is. The first step of the ramp is the panel's own colour, so one line
// alone starts a little above it.
export function paint(counts: Uint32Array, ramp: readonly Rgb[]): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(counts.length * 4);
  let top = 1;
  for (const c of counts) if (c > top) top = c;
  const scale = 1 / Math.log1p(top);
  const lookup = new Map<number, Rgb>();
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] as number;
    if (count === 0) continue;
    let color = lookup.get(count);
    if (!color) {
      const at = (0.16 + 0.84 * Math.log1p(count) * scale) * (ramp.length - 1);
      const below = Math.min(ramp.length - 2, Math.floor(at));
      const a = ramp[below] as Rgb;
      const b = ramp[below + 1] as Rgb;
      const part = at - below;
      color = [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part];
      lookup.set(count, color);
    }
    out[i * 4] = color[0];
    out[i * 4 + 1] = color[1];
    out[i * 4 + 2] = color[2];
    out[i * 4 + 3] = 255;
  }
  return out;
}
