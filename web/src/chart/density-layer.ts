// Keeps the worker that rasterises one chart's lines and blits its picture into the plot.
import type uPlot from 'uplot';
import { parseHex } from './density';
import type { DensityMessage } from './density.worker';
import type { Line } from './model';

interface Drawn {
  id: number;
  width: number;
  height: number;
  pixels: Uint8ClampedArray<ArrayBuffer>;
}

export class DensityLayer {
  private readonly worker = new Worker(new URL('./density.worker.ts', import.meta.url), { type: 'module' });
  private readonly image = document.createElement('canvas');
  // The picture that was asked for last, and the one `image` holds.
  private asked = '';
  private askedId = 0;
  private held = '';

  constructor(lines: readonly Line[], points: number) {
    const values = new Float64Array(lines.length * points);
    for (const [row, line] of lines.entries()) values.set(line.values, row * points);
    this.post({ kind: 'data', values, rows: lines.length, points }, [values.buffer]);
  }

  private post(message: DensityMessage, transfer: Transferable[] = []): void {
    this.worker.postMessage(message, transfer);
  }

  draw(plot: uPlot, ramp: readonly string[], log: boolean): void {
    const { left, top, width, height } = plot.bbox;
    const { min, max } = plot.scales['y'] ?? {};
    if (min == null || max == null || width < 1 || height < 1) return;
    const key = [width, height, min, max, log, ...ramp].join();
    if (this.held === key) {
      plot.ctx.drawImage(this.image, left, top);
      return;
    }
    if (this.asked === key) return;
    this.asked = key;
    const id = ++this.askedId;
    this.worker.addEventListener(
      'message',
      (event: MessageEvent<Drawn>) => this.take(event.data, key, plot),
      { once: true },
    );
    this.post({
      kind: 'draw',
      id,
      width: Math.round(width),
      height: Math.round(height),
      yMin: min,
      yMax: max,
      log,
      ramp: ramp.map(parseHex),
    });
  }

  private take(drawn: Drawn, key: string, plot: uPlot): void {
    if (drawn.id !== this.askedId) return;
    this.image.width = drawn.width;
    this.image.height = drawn.height;
    this.image.getContext('2d')?.putImageData(new ImageData(drawn.pixels, drawn.width, drawn.height), 0, 0);
    this.held = key;
    plot.redraw(false, false);
  }

  close(): void {
    this.worker.terminate();
  }
}
