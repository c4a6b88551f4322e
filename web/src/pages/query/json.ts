import type { QueryOutcome } from './run';

// What the server answered, indented, with a point of time and value in one line.
export function answerText({
  data,
  warnings,
  infos,
}: Pick<QueryOutcome, 'data' | 'warnings' | 'infos'>): string {
  const answer = {
    status: 'success',
    data,
    ...(warnings.length > 0 && { warnings }),
    ...(infos.length > 0 && { infos }),
  };
  return JSON.stringify(answer, null, 2).replace(
    /\[\n\s+(-?[\d.]+(?:e[+-]?\d+)?),\n\s+("(?:[^"\\]|\\.)*")\n\s+\]/g,
    '[$1, $2]',
  );
}
