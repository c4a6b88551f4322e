// Keeps a box beside what opened it: below, or above where there is more room, never beyond the edge.
import { autoUpdate, computePosition, flip, offset, shift, size } from '@floating-ui/dom';

export function keepPlaced(anchor: HTMLElement, floating: HTMLElement): () => void {
  return autoUpdate(anchor, floating, () => {
    void computePosition(anchor, floating, {
      strategy: 'fixed',
      placement: 'bottom-end',
      middleware: [
        offset(4),
        flip(),
        shift({ padding: 8 }),
        size({
          padding: 8,
          apply({ availableHeight }) {
            floating.style.maxHeight = `${Math.max(120, availableHeight)}px`;
          },
        }),
      ],
    }).then(({ x, y }) => {
      floating.style.left = `${x}px`;
      floating.style.top = `${y}px`;
      floating.style.visibility = '';
    });
  });
}
