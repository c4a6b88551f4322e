import { expect, test } from 'vitest';
import { relabelStages, rulesText, ruleText } from './relabel-steps';

test('each rule against what the one before left; nothing follows a drop', () => {
  const stages = relabelStages(
    {
      steps: [
        { rule: { action: 'replace' }, output: { a: '1', b: '2' }, keep: true },
        { rule: { action: 'labeldrop' }, output: { b: '2' }, keep: true },
        { rule: { action: 'keep' }, output: { b: '2' }, keep: true },
        { rule: { action: 'drop' }, output: {}, keep: false },
        { rule: { action: 'replace' }, output: {}, keep: false },
      ],
    },
    { a: '1' },
  );
  expect(stages.map((s) => s.kind)).toEqual(['changed', 'changed', 'same', 'dropped', 'skipped']);
  expect(stages[0]?.changes).toEqual([{ name: 'b', before: undefined, after: '2' }]);
  expect(stages[1]?.changes).toEqual([{ name: 'a', before: '1', after: undefined }]);
});

test('a rule is written without empty fields', () => {
  expect(ruleText({ sourceLabels: ['a', 'b'], regex: '(.*)', targetLabel: '', modulus: undefined })).toBe(
    'source_labels: [a, b]\nregex: (.*)',
  );
});

test('all rules together are YAML again, with quotes where a text would be something else', () => {
  const rules = [
    {
      sourceLabels: ['__name__', 'x y'],
      separator: ';',
      regex: 'a: (.*)',
      targetLabel: 'b',
      action: 'replace',
    },
    { regex: '1.5', modulus: 4, action: 'true' },
  ];
  expect(rulesText({ steps: rules.map((rule) => ({ rule, output: {}, keep: true })) })).toBe(
    '- source_labels: [__name__, "x y"]\n  separator: ";"\n  regex: "a: (.*)"\n  target_label: b\n  action: replace\n' +
      '- regex: "1.5"\n  modulus: 4\n  action: "true"',
  );
});
