// The full editor, loaded on idle. It lives in a shadow root: there CodeMirror's styles are adopted style
// sheets, which the strict Content-Security-Policy allows; in the page it would add <style> elements.
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionKeymap,
  completionStatus,
  selectedCompletion,
  startCompletion,
  type CompletionContext,
  type CompletionResult,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, syntaxHighlighting, syntaxTree } from '@codemirror/language';
import { linter, lintKeymap, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState, Prec, StateEffect, type Extension } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  hoverTooltip,
  keymap,
  placeholder,
  tooltips,
  type Tooltip,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { HybridComplete } from '@prometheus-io/codemirror-promql/dist/esm/complete/hybrid';
import {
  aggregateOpTerms,
  functionIdentifierTerms,
} from '@prometheus-io/codemirror-promql/dist/esm/complete/promql.terms';
import { newLintStrategy, promQLLinter } from '@prometheus-io/codemirror-promql/dist/esm/lint';
import { promQLLanguage, LanguageType } from '@prometheus-io/codemirror-promql/dist/esm/promql';
import { CompletionClient } from './completion-client';

export interface EditorOptions {
  doc: string;
  selection: [number, number];
  label: string;
  placeholder: string;
  dark: boolean;
  fontPx: number;
  enterRuns: boolean;
  autocomplete: boolean;
  highlight: boolean;
  linter: boolean;
  onChange: (text: string) => void;
  onRun: () => void;
  // Older (-1) or newer (+1) entry of the query history; undefined = there is none.
  onHistory: (direction: -1 | 1) => string | undefined;
  history: () => string[];
}

export interface EditorHandle {
  setText(text: string): void;
  insert(text: string): void;
  focus(): void;
  // Marks a place that the server complained about, as offsets into the text it was sent.
  setServerError(text: string, error: { from: number; to: number; message: string } | null): void;
  configure(
    options: Pick<
      EditorOptions,
      'dark' | 'fontPx' | 'enterRuns' | 'autocomplete' | 'highlight' | 'linter' | 'label'
    >,
  ): void;
  destroy(): void;
}

// Asks for the server's diagnostics anew although the text is the same.
const lintAgain = StateEffect.define<null>();

const client = new CompletionClient();
const hybrid = new HybridComplete(client, 10_000);

async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const node = syntaxTree(context.state).resolve(context.pos, -1);
  client.typedValue = node.name === 'StringLiteral' ? context.state.sliceDoc(node.from + 1, context.pos) : '';
  client.truncated = false;
  const result = await hybrid.promQL(context);
  if (!result) return null;
  // A list that was cut must be asked for anew with the next letter instead of being filtered further, and
  // one for a longer word with every letter that is taken back.
  const asked = context.state.sliceDoc(result.from, context.pos);
  const { validFor } = result;
  return {
    ...result,
    validFor:
      client.truncated || !(validFor instanceof RegExp)
        ? undefined
        : (text) => text.startsWith(asked) && validFor.test(text),
  };
}

// Whole earlier queries that contain what has been typed so far.
function completeHistory(entries: () => string[]) {
  return (context: CompletionContext): CompletionResult | null => {
    const text = context.state.doc.toString();
    if (text.trim().length < 3 && !context.explicit) return null;
    const options = entries()
      .filter((query) => query !== text && query.includes(text.trim()))
      .slice(0, 5)
      .map((query) => ({
        label: query.length > 80 ? `${query.slice(0, 79)}…` : query,
        detail: '↺',
        type: 'text',
        boost: -99,
        apply: query,
        info: query.length > 80 ? query : undefined,
      }));
    return options.length > 0 ? { from: 0, to: text.length, options, filter: false } : null;
  };
}

function infoBox(title: string, detail: string, body: string): HTMLElement {
  const box = document.createElement('div');
  box.className = 'nx-hover';
  const head = document.createElement('div');
  const name = document.createElement('b');
  name.textContent = title;
  head.append(name, detail ? `  ${detail}` : '');
  const text = document.createElement('div');
  text.textContent = body;
  box.append(head, text);
  return box;
}

// Signature and description of functions and aggregations.
export const documented = new Map(
  [...functionIdentifierTerms, ...aggregateOpTerms].map((term) => [
    term.label,
    { detail: 'detail' in term ? String(term.detail) : '', info: 'info' in term ? String(term.info) : '' },
  ]),
);

async function hover(view: EditorView, pos: number): Promise<Tooltip | null> {
  const node = syntaxTree(view.state).resolveInner(pos, -1);
  const line = view.state.doc.lineAt(pos);
  const before = /[a-zA-Z0-9_:]*$/.exec(line.text.slice(0, pos - line.from))?.[0] ?? '';
  const after = /^[a-zA-Z0-9_:]*/.exec(line.text.slice(pos - line.from))?.[0] ?? '';
  const word = before + after;
  if (!word) return null;
  const from = pos - before.length;
  const to = pos + after.length;
  const term = documented.get(word);
  const inCall =
    node.parent?.name === 'FunctionIdentifier' ||
    node.parent?.name === 'AggregateOp' ||
    node.name !== 'Identifier';
  if (term && inCall)
    return {
      pos: from,
      end: to,
      above: true,
      create: () => ({ dom: infoBox(word, term.detail, term.info) }),
    };
  if (node.name !== 'Identifier') return null;
  const metadata = await client.metadataOf(word);
  if (!metadata) return null;
  const detail = [metadata.type, metadata.unit].filter(Boolean).join(', ');
  return { pos: from, end: to, above: true, create: () => ({ dom: infoBox(word, detail, metadata.help) }) };
}

// Colours come from the page's tokens: custom properties cross the shadow boundary.
function theme(dark: boolean, fontPx: number): Extension {
  return EditorView.theme(
    {
      '&': { color: 'var(--text)', backgroundColor: 'transparent', fontSize: `${fontPx}px` },
      '&.cm-focused': { outline: 'none' },
      '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.5', overflowX: 'auto' },
      '.cm-content': { padding: '5px 0', caretColor: 'var(--ember)', minHeight: '21px' },
      '.cm-line': { padding: '0 8px' },
      '.cm-cursor': { borderLeftColor: 'var(--ember)', borderLeftWidth: '2px' },
      '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
        backgroundColor: 'color-mix(in oklab, var(--ember) 28%, transparent)',
      },
      '.cm-placeholder': { color: 'var(--text-muted)' },
      '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
        backgroundColor: 'color-mix(in oklab, var(--ember) 26%, transparent)',
        outline: 'none',
      },
      '.cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket': {
        backgroundColor: 'var(--firing-wash)',
      },
      '.cm-tooltip': {
        backgroundColor: 'var(--raised)',
        color: 'var(--text)',
        border: '1px solid var(--line-strong)',
        borderRadius: '3px',
        boxShadow: 'var(--shadow)',
        fontFamily: 'var(--font-ui)',
        fontSize: '13px',
      },
      '.cm-tooltip.cm-tooltip-autocomplete > ul': {
        fontFamily: 'var(--font-mono)',
        fontSize: '12.5px',
        maxHeight: '15em',
        minWidth: '260px',
      },
      '.cm-tooltip.cm-tooltip-autocomplete > ul > li': {
        padding: '3px 8px',
        lineHeight: '1.45',
        borderLeft: '3px solid transparent',
      },
      '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
        backgroundColor: 'var(--ember-wash)',
        color: 'var(--text)',
        borderLeftColor: 'var(--ember)',
      },
      '.cm-completionMatchedText': { textDecoration: 'none', color: 'var(--ember-text)', fontWeight: '620' },
      '.cm-completionDetail': {
        color: 'var(--text-muted)',
        fontStyle: 'normal',
        float: 'right',
        paddingLeft: '16px',
      },
      '.cm-completionIcon': { display: 'none' },
      '.cm-completionInfo': { maxWidth: '340px', padding: '6px 10px', whiteSpace: 'pre-wrap' },
      '.nx-hover': { maxWidth: '420px', padding: '6px 10px', whiteSpace: 'pre-wrap' },
      '.cm-diagnostic': {
        padding: '4px 10px',
        borderLeft: '3px solid var(--firing)',
        whiteSpace: 'pre-wrap',
      },
      '.cm-diagnostic-warning': { borderLeftColor: 'var(--pending)' },
      // The grounds of a selection and of the chosen completion are all there is to see of them.
      '@media (forced-colors: active)': {
        '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
          forcedColorAdjust: 'none',
          backgroundColor: 'Highlight',
        },
        '.cm-tooltip-autocomplete > ul > li[aria-selected], .cm-tooltip-autocomplete > ul > li[aria-selected] *':
          {
            forcedColorAdjust: 'none',
            backgroundColor: 'Highlight',
            color: 'HighlightText',
          },
      },
      '.cm-lintRange-error': {
        backgroundImage: 'none',
        textDecoration: 'underline wavy var(--firing)',
        textDecorationSkipInk: 'none',
      },
      '.cm-lintRange-warning': { backgroundImage: 'none', textDecoration: 'underline wavy var(--pending)' },
    },
    { dark },
  );
}

const colors = HighlightStyle.define([
  { tag: [tags.name, tags.propertyName], color: 'var(--text)' },
  { tag: tags.number, color: 'var(--series-6)' },
  { tag: tags.string, color: 'var(--ok)' },
  { tag: tags.keyword, color: 'var(--ember-text)', fontWeight: '560' },
  { tag: [tags.function(tags.variableName), tags.function(tags.name)], color: 'var(--info)' },
  { tag: tags.labelName, color: 'var(--series-2)' },
  {
    tag: [tags.operator, tags.modifier, tags.arithmeticOperator, tags.logicOperator, tags.compareOperator],
    color: 'var(--ember-text)',
  },
  { tag: [tags.paren, tags.squareBracket, tags.brace], color: 'var(--text-soft)' },
  { tag: tags.comment, color: 'var(--text-muted)', fontStyle: 'italic' },
  { tag: tags.invalid, color: 'var(--firing)' },
]);

// Whether the chosen completion is what stands before the cursor already: then Enter is meant to run.
function isTyped(view: EditorView): boolean {
  const label = selectedCompletion(view.state)?.label ?? '';
  const { head } = view.state.selection.main;
  const before = view.state.sliceDoc(Math.max(0, head - label.length - 1), head);
  return label !== '' && before.endsWith(label) && !/[a-zA-Z0-9_:]/.test(before.slice(0, -label.length));
}

// Typing over a selection: the browser would keep the look of what it replaces by inline styles, which the
// Content-Security-Policy blocks with an error on the console. So the replacement is made here.
function replaceSelected(event: InputEvent, view: EditorView): boolean {
  const { main } = view.state.selection;
  const text = event.data;
  if (event.inputType !== 'insertText' || event.isComposing || main.empty || !text) return false;
  const insert = () =>
    view.state.update(view.state.replaceSelection(text), { userEvent: 'input.type', scrollIntoView: true });
  const handled = view.state
    .facet(EditorView.inputHandler)
    .some((handler) => handler(view, main.from, main.to, text, insert));
  if (!handled) view.dispatch(insert());
  event.preventDefault();
  return true;
}

export function createEditor(root: ShadowRoot, initial: EditorOptions): EditorHandle {
  let options = initial;
  let serverError: { text: string; diagnostic: Diagnostic } | null = null;
  const look = new Compartment();
  const language = new Compartment();
  const attributes = new Compartment();

  const lookOf = () => theme(options.dark, options.fontPx);
  const languageOf = (): Extension => {
    const promql = promQLLanguage(LanguageType.PromQL);
    const parts: Extension[] = [promql, bracketMatching()];
    if (options.highlight) parts.push(syntaxHighlighting(colors));
    parts.push(
      promql.data.of({ autocomplete: complete }),
      promql.data.of({ autocomplete: completeHistory(options.history) }),
    );
    parts.push(
      autocompletion({
        activateOnTyping: options.autocomplete,
        icons: false,
        closeOnBlur: true,
        maxRenderedOptions: 80,
      }),
    );
    if (options.linter) {
      const strategy = newLintStrategy();
      parts.push(promQLLinter(strategy.promQL, strategy));
    }
    parts.push(
      linter(
        (view) =>
          serverError && serverError.text === view.state.doc.toString() ? [serverError.diagnostic] : [],
        {
          delay: 0,
          needsRefresh: (update) => update.transactions.some((tr) => tr.effects.some((e) => e.is(lintAgain))),
        },
      ),
    );
    return parts;
  };
  const attributesOf = () =>
    EditorView.contentAttributes.of({
      'aria-label': options.label,
      spellcheck: 'false',
      autocorrect: 'off',
      autocapitalize: 'off',
    });

  // A list that the server answers with late would open over what is used next, and stay.
  const run = (view: EditorView) => {
    closeCompletion(view);
    options.onRun();
    return true;
  };
  const fromHistory = (direction: -1 | 1) => () => {
    const text = options.onHistory(direction);
    if (text !== undefined) setText(text);
    return true;
  };
  const keys = Prec.highest(
    keymap.of([
      { key: 'Mod-Enter', run },
      { key: 'Shift-Enter', run: insertNewlineAndIndent },
      {
        key: 'Enter',
        run: (view) => {
          if (completionStatus(view.state) === 'active' && !isTyped(view)) return acceptCompletion(view);
          if (options.enterRuns) return run(view);
          closeCompletion(view);
          return false;
        },
      },
      { key: 'Alt-ArrowUp', run: fromHistory(-1) },
      { key: 'Alt-ArrowDown', run: fromHistory(1) },
      { key: 'Ctrl-Space', run: startCompletion },
    ]),
  );

  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.doc,
      selection: { anchor: options.selection[0], head: options.selection[1] },
      extensions: [
        keys,
        look.of(lookOf()),
        language.of(languageOf()),
        attributes.of(attributesOf()),
        history(),
        drawSelection(),
        EditorView.domEventHandlers({
          beforeinput: replaceSelected,
          // One that is open closes by itself; one that is still asked for would open.
          blur: (_event, view) => {
            if (completionStatus(view.state) === 'pending') closeCompletion(view);
          },
        }),
        closeBrackets(),
        hoverTooltip(hover, { hoverTime: 350 }),
        tooltips({ position: 'fixed' }),
        placeholder(options.placeholder),
        EditorView.lineWrapping,
        keymap.of([
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...historyKeymap,
          ...completionKeymap,
          ...lintKeymap,
        ]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onChange(update.state.doc.toString());
        }),
      ],
    }),
  });

  function setText(text: string): void {
    const current = view.state.doc.toString();
    if (current === text) return;
    view.dispatch({
      changes: { from: 0, to: current.length, insert: text },
      selection: { anchor: text.length },
    });
  }

  return {
    setText,
    insert(text) {
      view.dispatch(view.state.replaceSelection(text));
      view.focus();
    },
    focus: () => view.focus(),
    setServerError(text, error) {
      serverError = error && { text, diagnostic: { ...error, severity: 'error' } };
      view.dispatch({ effects: lintAgain.of(null) });
    },
    configure(next) {
      options = { ...options, ...next };
      view.dispatch({
        effects: [
          look.reconfigure(lookOf()),
          language.reconfigure(languageOf()),
          attributes.reconfigure(attributesOf()),
        ],
      });
    },
    destroy: () => view.destroy(),
  };
}
