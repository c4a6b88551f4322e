import { expect, test } from 'vitest';
import { found, matchScore, shownMax, wordsOf, type Command } from './palette';

const command = (group: Command['group'], text: string): Command => ({
  id: text,
  group,
  text,
  run: () => {},
});

test('every word must occur; beginnings come first, pages before metrics', () => {
  expect(matchScore('node_cpu_seconds_total', wordsOf('cpu node'))).not.toBeNull();
  expect(matchScore('node_cpu_seconds_total', wordsOf('cpu disk'))).toBeNull();
  const list = [
    command('metric', 'process_targets'),
    command('metric', 'targets_total'),
    command('page', 'Targets'),
    command('setting', 'Theme: Dark'),
  ];
  expect(found(list, 'targets').map((c) => c.text)).toEqual(['Targets', 'targets_total', 'process_targets']);
  expect(found(list, 'dark')).toHaveLength(1);
  expect(found(list, '')).toHaveLength(4);
});

test('a long list is cut', () => {
  expect(
    found(
      Array.from({ length: 500 }, (_, i) => command('metric', `m${i}`)),
      'm',
    ),
  ).toHaveLength(shownMax);
});
