import { countLines, paint, type DensityInput, type Rgb } from './density';

// The values are sent once; each redraw (size, scale, theme) sends only what changed.
export type DensityMessage =
  | { kind: 'data'; values: Float64Array; rows: number; points: number }
  | {
      kind: 'draw';
      id: number;
      width: number;
      height: number;
      yMin: number;
      yMax: number;
      log: boolean;
      ramp: Rgb[];
    };

let data: Pick<DensityInput, 'values' | 'rows' | 'points'> = {
  values: new Float64Array(),
  rows: 0,
  points: 0,
};

addEventListener('message', (event: MessageEvent<DensityMessage>) => {
  const message = event.data;
  if (message.kind === 'data') {
    data = message;
    return;
  }
  const pixels = paint(countLines({ ...data, ...message }), message.ramp);
  postMessage(
    { id: message.id, width: message.width, height: message.height, pixels },
    { transfer: [pixels.buffer] },
  );
});
