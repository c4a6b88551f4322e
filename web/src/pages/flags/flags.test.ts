import { describe, expect, test } from 'vitest';
import { commandLine, decode, encode, matchingFlags, type Flag } from './model';

describe('flags', () => {
  const flags: Flag[] = [
    { name: 'web.cors.origin', value: '.*', default: '.*', help: 'Origins that may read answers.' },
    { name: 'log.level', value: 'debug', default: 'info', help: 'Least important messages.' },
    { name: 'web.page-title', value: "Ann's server", default: 'Narthex', help: 'Title of the pages.' },
  ];
  const names = (search: string, changed = false) =>
    matchingFlags(flags, { search, changed }).map(({ name }) => name);
  test('are sorted, and found by name, value and help', () => {
    expect(names('')).toEqual(['log.level', 'web.cors.origin', 'web.page-title']);
    expect(names('WEB server')).toEqual(['web.page-title']);
    expect(names('--log.level=debug')).toHaveLength(1);
    expect(names('origins')).toEqual(['web.cors.origin']);
    expect(names('nothing')).toEqual([]);
  });
  test('that are not the default are found alone', () => {
    expect(names('', true)).toEqual(['log.level', 'web.page-title']);
    expect(names('cors', true)).toEqual([]);
  });
  test('become a command line a shell reads as written', () => {
    expect(commandLine(matchingFlags(flags, { search: '', changed: false }))).toBe(
      `--log.level=debug '--web.cors.origin=.*' '--web.page-title=Ann'\\''s server'`,
    );
  });
  test('the filter is in the link', () => {
    expect(decode(encode({ search: 'a b', changed: true }))).toEqual({ search: 'a b', changed: true });
    expect(encode(decode(''))).toBe('');
  });
});
