// What the command palette offers, and in which order. Pure.

export interface Command {
  id: string;
  group: 'page' | 'query' | 'metric' | 'setting';
  text: string;
  // Shown beside it: a key, the help of a metric.
  note?: string;
  run: () => void;
}

// All words occur, in any order; null = no match. Lower is better: beginnings before insides, short before long.
export function matchScore(text: string, words: readonly string[]): number | null {
  const low = text.toLowerCase();
  let score = 0;
  for (const word of words) {
    const at = low.indexOf(word);
    if (at < 0) return null;
    const begins = at === 0 || /[^a-z0-9가-힣]/.test(low[at - 1] as string);
    score += (at === 0 ? 0 : begins ? 1 : 3) + at / 1000;
  }
  return score + low.length / 10_000;
}

export function wordsOf(search: string): string[] {
  return search.toLowerCase().split(/\s+/).filter(Boolean);
}

const order = { page: 0, query: 1, metric: 2, setting: 3 };
export const shownMax = 60;

export function found(commands: readonly Command[], search: string): Command[] {
  const words = wordsOf(search);
  return (
    commands
      .flatMap((command, at) => {
        const score = matchScore(command.text, words);
        return score === null ? [] : [{ command, score, at }];
      })
      // Without a search the order is the caller's.
      .sort(
        (a, b) =>
          order[a.command.group] - order[b.command.group] ||
          (words.length > 0 ? a.score - b.score : 0) ||
          a.at - b.at,
      )
      .slice(0, shownMax)
      .map(({ command }) => command)
  );
}
