// The syntax tree as parse_query answers it, and back to text. Pure.
import { formatDuration } from '../time/duration';
import { labelPair, quote } from '../frame/labels';

interface TimeModifiers {
  // ms
  offset: number;
  offsetExpr?: Ast;
  // ms since the epoch
  timestamp: number | null;
  startOrEnd: 'start' | 'end' | null;
}

export interface AstMatcher {
  name: string;
  type: '=' | '!=' | '=~' | '!~';
  value: string;
}

export interface Matching {
  card: string;
  include: string[];
  labels: string[];
  on: boolean;
}

export type AstSelector = TimeModifiers & {
  type: 'vectorSelector' | 'matrixSelector';
  name: string;
  matchers: AstMatcher[];
  // ms
  range?: number;
  rangeExpr?: Ast;
  anchored?: boolean;
  smoothed?: boolean;
};
export type AstBinary = {
  type: 'binaryExpr';
  op: string;
  bool: boolean;
  lhs: Ast;
  rhs: Ast;
  matching: Matching | null;
};
export type AstAggregation = {
  type: 'aggregation';
  op: string;
  expr: Ast;
  param: Ast | null;
  grouping: string[];
  without: boolean;
};

export type Ast =
  | AstSelector
  | AstBinary
  | AstAggregation
  | (TimeModifiers & {
      type: 'subquery';
      expr: Ast;
      range: number;
      rangeExpr?: Ast;
      step: number;
      stepExpr?: Ast;
    })
  | { type: 'call'; func: { name: string; returnType: string }; args: Ast[] }
  | { type: 'unaryExpr'; op: string; expr: Ast }
  | { type: 'parenExpr'; expr: Ast }
  | { type: 'numberLiteral'; val: string }
  | { type: 'stringLiteral'; val: string }
  | { type: 'durationExpr'; op: string; lhs: Ast | null; rhs: Ast | null; wrapped: boolean };

export function childrenOf(node: Ast): Ast[] {
  switch (node.type) {
    case 'binaryExpr':
      return [node.lhs, node.rhs];
    case 'aggregation':
      return node.param ? [node.param, node.expr] : [node.expr];
    case 'call':
      return node.args;
    case 'subquery':
    case 'unaryExpr':
    case 'parenExpr':
      return [node.expr];
    default:
      return [];
  }
}

// Whether the node alone is a query with an instant result.
export function isQuery(node: Ast): boolean {
  return !['matrixSelector', 'subquery', 'stringLiteral', 'durationExpr', 'numberLiteral'].includes(
    node.type,
  );
}

function durationText(ms: number, expr: Ast | undefined): string {
  return expr ? durationExprText(expr) : formatDuration(ms);
}

function durationExprText(node: Ast): string {
  if (node.type === 'numberLiteral') return `${node.val}s`;
  if (node.type !== 'durationExpr') return astText(node);
  const lhs = node.lhs ? durationExprText(node.lhs) : '';
  const rhs = node.rhs ? durationExprText(node.rhs) : '';
  if (node.op === 'step' || node.op === 'range') return `${node.op}()`;
  if (node.op === 'min_of' || node.op === 'max_of') {
    return `${node.op.replace('_of', '')}(${lhs}, ${rhs})`;
  }
  const text = node.lhs ? `${lhs} ${node.op} ${rhs}` : `${node.op}${rhs}`;
  return node.wrapped ? `(${text})` : text;
}

function timeText(node: TimeModifiers): string {
  let out = '';
  if (node.startOrEnd) out += ` @ ${node.startOrEnd}()`;
  else if (node.timestamp !== null) out += ` @ ${(node.timestamp / 1000).toFixed(3)}`;
  if (node.offsetExpr) out += ` offset ${durationExprText(node.offsetExpr)}`;
  else if (node.offset > 0) out += ` offset ${formatDuration(node.offset)}`;
  else if (node.offset < 0) out += ` offset -${formatDuration(-node.offset)}`;
  return out;
}

function selectorText(node: AstSelector): string {
  const rest = node.matchers.filter((m) => !(node.name && m.name === '__name__' && m.type === '='));
  const inside = rest.map((m) => labelPair(m.name, m.value).replace(/=(?="(?:[^"\\]|\\.)*"$)/, m.type));
  let out = `${node.name}${inside.length > 0 || !node.name ? `{${inside.join(', ')}}` : ''}`;
  if (node.type === 'matrixSelector') out += `[${durationText(node.range ?? 0, node.rangeExpr)}]`;
  if (node.anchored) out += ' anchored';
  if (node.smoothed) out += ' smoothed';
  return out + timeText(node);
}

function namesText(names: readonly string[]): string {
  return names.map((n) => (/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(n) ? n : quote(n))).join(', ');
}

function matchingText(matching: Matching): string {
  let out = '';
  if (matching.on || matching.labels.length > 0)
    out += ` ${matching.on ? 'on' : 'ignoring'} (${namesText(matching.labels)})`;
  if (matching.card === 'many-to-one') out += ` group_left (${namesText(matching.include)})`;
  if (matching.card === 'one-to-many') out += ` group_right (${namesText(matching.include)})`;
  return out;
}

export function aggregationHead(node: AstAggregation): string {
  const by = node.without || node.grouping.length > 0;
  return by ? `${node.op} ${node.without ? 'without' : 'by'} (${namesText(node.grouping)})` : node.op;
}

export function astText(node: Ast): string {
  switch (node.type) {
    case 'vectorSelector':
    case 'matrixSelector':
      return selectorText(node);
    case 'subquery': {
      const step = node.stepExpr || node.step > 0 ? durationText(node.step, node.stepExpr) : '';
      return `${astText(node.expr)}[${durationText(node.range, node.rangeExpr)}:${step}]${timeText(node)}`;
    }
    case 'binaryExpr':
      return `${astText(node.lhs)} ${node.op}${node.bool ? ' bool' : ''}${
        node.matching ? matchingText(node.matching) : ''
      } ${astText(node.rhs)}`;
    case 'aggregation':
      return `${aggregationHead(node)} (${node.param ? `${astText(node.param)}, ` : ''}${astText(node.expr)})`;
    case 'call':
      return `${node.func.name}(${node.args.map(astText).join(', ')})`;
    case 'unaryExpr':
      return `${node.op}${astText(node.expr)}`;
    case 'parenExpr':
      return `(${astText(node.expr)})`;
    case 'numberLiteral':
      return node.val;
    case 'stringLiteral':
      return quote(node.val);
    case 'durationExpr':
      return durationExprText(node);
  }
}
