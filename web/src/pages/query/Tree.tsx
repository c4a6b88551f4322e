// The parts of an expression, what each does, and what each gives on its own.
import '../../app/i18n/pages';
import { useEffect, useMemo, useState } from 'react';
import { request } from '../../api/client';
import { useServerData } from '../../api/server-data';
import type { LabelSet, QueryData } from '../../api/types';
import { formatCount, t } from '../../app/i18n';
import { labelNames, seriesText } from '../../frame/labels';
import {
  aggregationHead,
  astText,
  childrenOf,
  isQuery,
  type Ast,
  type AstBinary,
  type Matching,
} from '../../promql/ast';
import { matchSeries } from '../../promql/matching';
import { Button } from '../../ui/primitives';
import { Loaded } from '../../ui/Loaded';
import { formatSeconds } from '../../units/format';

// Nodes that are run on their own; and how many at a time, so that a panel does not fill the server's queue.
const nodesMax = 40;
const atOnce = 2;
const groupsShown = 10;

// Upstream's own words, in English as everything of PromQL. They come with the editor, which is there by then.
type Docs = ReadonlyMap<string, { info: string }>;

function useDocs(): Docs {
  const [docs, setDocs] = useState<Docs>(new Map());
  useEffect(() => {
    let gone = false;
    void import('../../promql/codemirror').then(({ documented }) => !gone && setDocs(documented));
    return () => {
      gone = true;
    };
  }, []);
  return docs;
}

type NodeState =
  | { state: 'waiting' }
  | { state: 'error'; message: string }
  | { state: 'done'; series: LabelSet[]; scalar: boolean; seconds: number };

interface TreeProps {
  expr: string;
  timeMs: number;
  // The part that is shown instead of the whole; '' = the whole.
  only: string;
  onPick: (text: string) => void;
}

export default function Tree(props: TreeProps) {
  const answer = useServerData<Ast>('parse_query', { query: props.expr }, { form: true });
  return (
    <Loaded from={answer} plain rows={3} label={t('tree.title')}>
      {(root) => <Nodes root={root} {...props} />}
    </Loaded>
  );
}

function allNodes(root: Ast): Ast[] {
  return [root, ...childrenOf(root).flatMap(allNodes)];
}

async function runNode(text: string, timeMs: number, signal: AbortSignal): Promise<NodeState> {
  const started = performance.now();
  try {
    const { data } = await request<QueryData>(
      'query',
      { query: text, time: timeMs / 1000 },
      { signal, form: true },
    );
    const list = data.resultType === 'vector' || data.resultType === 'matrix';
    return {
      state: 'done',
      scalar: !list,
      series: list ? data.result.map((s) => s.metric) : [],
      seconds: (performance.now() - started) / 1000,
    };
  } catch (error) {
    return { state: 'error', message: error instanceof Error ? error.message : String(error) };
  }
}

function useNodeResults(root: Ast, timeMs: number): Map<string, NodeState> {
  const [results, setResults] = useState<Map<string, NodeState>>(new Map());
  useEffect(() => {
    const controller = new AbortController();
    const texts = [...new Set(allNodes(root).filter(isQuery).map(astText))].slice(0, nodesMax);
    setResults(new Map(texts.map((text) => [text, { state: 'waiting' }])));
    const queue = [...texts];
    const work = async () => {
      for (let text = queue.shift(); text !== undefined && !controller.signal.aborted; text = queue.shift()) {
        const key = text;
        const result = await runNode(key, timeMs, controller.signal);
        if (!controller.signal.aborted) setResults((old) => new Map(old).set(key, result));
      }
    };
    for (let i = 0; i < atOnce; i++) void work();
    return () => controller.abort();
  }, [root, timeMs]);
  return results;
}

function Nodes({ root, timeMs, only, onPick }: TreeProps & { root: Ast }) {
  const results = useNodeResults(root, timeMs);
  const docs = useDocs();
  return (
    <ul className="tree">
      <Node node={root} results={results} docs={docs} only={only} onPick={onPick} isRoot />
    </ul>
  );
}

function Node(props: {
  node: Ast;
  results: Map<string, NodeState>;
  docs: Docs;
  only: string;
  onPick: (text: string) => void;
  isRoot?: boolean;
}) {
  const { node, results, only, onPick } = props;
  const text = useMemo(() => astText(node), [node]);
  const children = childrenOf(node);
  const result = results.get(text);
  const picked = props.isRoot ? only === '' : only === text;
  return (
    <li>
      <div className="tree-node" data-picked={picked || undefined}>
        {isQuery(node) ? (
          <button
            type="button"
            className="tree-text"
            aria-pressed={picked}
            title={t('tree.pick')}
            onClick={() => onPick(props.isRoot ? '' : text)}
          >
            <code>{text}</code>
          </button>
        ) : (
          <code className="tree-text">{text}</code>
        )}
        <span className="tree-facts muted">
          <NodeFacts result={result} />
        </span>
        <span className="tree-what">{explain(node, props.docs)}</span>
        {node.type === 'binaryExpr' && node.matching && (
          <MatchDetails node={node} matching={node.matching} results={results} />
        )}
      </div>
      {children.length > 0 && (
        <ul>
          {children.map((child, i) => (
            <Node key={i} node={child} results={results} docs={props.docs} only={only} onPick={onPick} />
          ))}
        </ul>
      )}
    </li>
  );
}

function NodeFacts({ result }: { result: NodeState | undefined }) {
  if (!result) return null;
  if (result.state === 'waiting') return <>…</>;
  if (result.state === 'error') return <span className="is-firing">{result.message}</span>;
  if (result.scalar) return <>{formatSeconds(result.seconds)}</>;
  // The labels that tell the series apart, most varied first.
  const varied = labelNames(result.series)
    .map((name) => ({ name, values: new Set(result.series.map((s) => s[name])).size }))
    .filter((l) => l.values > 1)
    .sort((a, b) => b.values - a.values);
  return (
    <>
      {t('query.series', { count: result.series.length })} · {formatSeconds(result.seconds)}
      {varied.slice(0, 4).map((l) => ` · ${l.name}: ${formatCount(l.values)}`)}
    </>
  );
}

function explain(node: Ast, docs: Docs): string {
  switch (node.type) {
    case 'vectorSelector':
      return t('tree.selector');
    case 'matrixSelector':
      return t('tree.range');
    case 'subquery':
      return t('tree.subquery');
    case 'aggregation':
      return node.grouping.length === 0 && !node.without
        ? t('tree.aggregateAll', { op: node.op })
        : t(node.without ? 'tree.aggregateWithout' : 'tree.aggregateBy', {
            op: aggregationHead(node).split(' ')[0] ?? node.op,
            labels: node.grouping.join(', ') || '–',
          });
    case 'call':
      return docs.get(node.func.name)?.info || t('tree.call', { name: node.func.name });
    case 'binaryExpr':
      return node.matching ? t('tree.binaryVectors', { card: node.matching.card }) : t('tree.binaryScalar');
    default:
      return '';
  }
}

function MatchDetails({
  node,
  matching,
  results,
}: {
  node: AstBinary;
  matching: Matching;
  results: Map<string, NodeState>;
}) {
  const [all, setAll] = useState(false);
  const left = results.get(astText(node.lhs));
  const right = results.get(astText(node.rhs));
  const match = useMemo(
    () =>
      left?.state === 'done' && right?.state === 'done'
        ? matchSeries(left.series, right.series, matching)
        : null,
    [left, right, matching],
  );
  if (!match || match.groups.length === 0) return null;
  const shown = match.groups.slice(0, all ? 200 : groupsShown);
  return (
    <details className="tree-match">
      <summary>
        {t('tree.matched', {
          matched: match.matched,
          left: formatCount(match.leftOnly),
          right: formatCount(match.rightOnly),
        })}
      </summary>
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">{t('tree.group')}</th>
            <th scope="col" className="num">
              {t('tree.left')}
            </th>
            <th scope="col" className="num">
              {t('tree.right')}
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((group) => (
            <tr key={JSON.stringify(group.labels)}>
              <th scope="row">
                <code>{seriesText(group.labels)}</code>
              </th>
              <td className="num">{formatCount(group.left.length)}</td>
              <td className="num">{formatCount(group.right.length)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < match.groups.length && !all && (
        <Button kind="ghost" onClick={() => setAll(true)}>
          {t('table.more', { count: formatCount(match.groups.length - shown.length) })}
        </Button>
      )}
    </details>
  );
}
