import { describe, expect, test } from 'vitest';
import { commandLine, matchingFlags } from './model';

describe('flags', () => {
  const flags = { 'web.cors.origin': '.*', 'log.level': 'info', 'web.page-title': "Ann's server" };
  test('are sorted, and found by name and value', () => {
    expect(matchingFlags(flags, '').map(([name]) => name)).toEqual([
      'log.level',
      'web.cors.origin',
      'web.page-title',
    ]);
    expect(matchingFlags(flags, 'WEB server').map(([name]) => name)).toEqual(['web.page-title']);
    expect(matchingFlags(flags, '--log.level=info')).toHaveLength(1);
    expect(matchingFlags(flags, 'nothing')).toEqual([]);
  });
  test('become a command line a shell reads as written', () => {
    expect(commandLine(matchingFlags(flags, ''))).toBe(
      `--log.level=info '--web.cors.origin=.*' '--web.page-title=Ann'\\''s server'`,
    );
  });
});
