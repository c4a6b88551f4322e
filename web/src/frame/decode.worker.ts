import { decodeRange, type Grid } from './decode';

export interface DecodeRequest {
  id: number;
  body: ArrayBuffer;
  grid: Grid;
}

addEventListener('message', (event: MessageEvent<DecodeRequest>) => {
  const { id, body, grid } = event.data;
  try {
    const answer = decodeRange(body, grid);
    const transfer = [answer.frame.values.buffer, answer.frame.present.buffer];
    postMessage({ id, answer }, { transfer });
  } catch (error) {
    postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
});
