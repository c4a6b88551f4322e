// The answer of targets/relabel_steps, made readable. Pure.
import type { LabelSet } from '../api/types';

export type Rule = Record<string, string | number | string[] | undefined>;

export interface RelabelSteps {
  // After the rule that drops the target, `output` is empty and `keep` false.
  steps: { rule: Rule; output: LabelSet; keep: boolean }[];
}

export interface LabelChange {
  name: string;
  before: string | undefined;
  after: string | undefined;
}

export interface Stage {
  // From 1, the order of the configuration.
  number: number;
  rule: Rule;
  // changed or not by this rule; dropped by it; not reached because an earlier one dropped the target.
  kind: 'changed' | 'same' | 'dropped' | 'skipped';
  changes: LabelChange[];
}

export function labelChanges(before: LabelSet, after: LabelSet): LabelChange[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .filter((name) => before[name] !== after[name])
    .map((name) => ({ name, before: before[name], after: after[name] }));
}

export function relabelStages({ steps }: RelabelSteps, discovered: LabelSet): Stage[] {
  let labels = discovered;
  let gone = false;
  return steps.map(({ rule, output, keep }, index): Stage => {
    const number = index + 1;
    if (gone) return { number, rule, kind: 'skipped', changes: [] };
    if (!keep) {
      gone = true;
      return { number, rule, kind: 'dropped', changes: [] };
    }
    const changes = labelChanges(labels, output);
    labels = output;
    return { number, rule, kind: changes.length > 0 ? 'changed' : 'same', changes };
  });
}

// sourceLabels → source_labels.
function configKey(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

// All rules as they would stand in the configuration.
export function rulesText({ steps }: RelabelSteps): string {
  return steps.map(({ rule }) => `- ${ruleText(rule, quoted).replaceAll('\n', '\n  ')}`).join('\n');
}

// A YAML string that is one whatever it holds.
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) &&
    !/^[\d.-]/.test(text) &&
    !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text);
}

// The rule as one reads it in the configuration, without the fields that say nothing.
export function ruleText(rule: Rule, show: (text: string) => string = (text) => text): string {
  return Object.entries(rule)
    .filter(
      ([, value]) => value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0),
    )
    .map(
      ([name, value]) =>
        `${configKey(name)}: ${Array.isArray(value) ? `[${value.map(show).join(', ')}]` : typeof value === 'string' ? show(value) : String(value)}`,
    )
    .join('\n');
}
