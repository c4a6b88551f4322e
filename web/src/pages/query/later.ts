// What shows answers is not needed to ask: it comes after the first paint, before an answer is there.
export const loadTable = () => import('./ResultTable').then((m) => ({ default: m.ResultTable }));
export const loadLegend = () => import('../../chart/Legend').then((m) => ({ default: m.Legend }));

export function loadLater(): void {
  setTimeout(() => {
    void loadTable();
    void loadLegend();
  });
}
