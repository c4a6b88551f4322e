import { describe, expect, test } from 'vitest';
import { answerText } from './json';
import type { QueryData } from '../../api/types';

const vector = {
  resultType: 'vector',
  result: [{ metric: { job: 'a "quoted"\n[\n 1,\n "x"\n]' }, value: [1.5, 'NaN'] }],
} as unknown as QueryData;

describe('answerText', () => {
  test('is the answer again when it is read', () => {
    expect(JSON.parse(answerText({ data: vector, warnings: ['w'], infos: [] }))).toEqual({
      status: 'success',
      data: vector,
      warnings: ['w'],
    });
  });

  test('has a point in one line', () => {
    expect(answerText({ data: vector, warnings: [], infos: [] })).toContain('"value": [1.5, "NaN"]');
  });
});
