// The expression editor: a <textarea> that works at once, replaced by CodeMirror when the browser is idle.
// Text, selection and focus survive the change.
import { forwardRef, useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from 'react';
import { t, useLanguage } from '../app/i18n';
import { useSettings, useTheme } from '../app/settings';
import type { EditorHandle } from './codemirror';
import type { ErrorSpan } from './error-position';
import { useHistory } from './history';

export interface EditorRef {
  focus: () => void;
  insert: (text: string) => void;
}

export interface EditorProps {
  label: string;
  value: string;
  onChange: (text: string) => void;
  onRun: () => void;
  // The error of the last run, with the text it was about.
  error: { text: string; span: ErrorSpan } | null;
}

const whenIdle: (work: () => void) => void =
  'requestIdleCallback' in globalThis
    ? (work) => requestIdleCallback(work, { timeout: 2000 })
    : (work) => setTimeout(work, 200);

export const Editor = forwardRef<EditorRef, EditorProps>(function Editor(props, ref) {
  const language = useLanguage();
  const { editorFontPx, enterRuns, autocomplete, highlight, linter } = useSettings();
  const theme = useTheme((s) => s.theme);
  const area = useRef<HTMLTextAreaElement>(null);
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorHandle | null>(null);
  const [upgraded, setUpgraded] = useState(false);
  const at = useRef({ index: -1, draft: '' });
  const latest = useRef(props);
  latest.current = props;

  const fromHistory = (direction: -1 | 1): string | undefined => {
    const { entries } = useHistory.getState();
    const next = at.current.index - direction;
    if (at.current.index === -1) at.current.draft = latest.current.value;
    if (next < -1 || next >= entries.length) return undefined;
    at.current.index = next;
    return next === -1 ? at.current.draft : entries[next]?.expr;
  };
  const run = () => {
    at.current.index = -1;
    latest.current.onRun();
  };

  useEffect(() => {
    let gone = false;
    whenIdle(() => {
      void import('./codemirror').then(({ createEditor }) => {
        const box = host.current;
        const old = area.current;
        if (gone || !box || !old) return;
        const shadow = box.shadowRoot ?? box.attachShadow({ mode: 'open', delegatesFocus: false });
        const focused = document.activeElement === old;
        const settings = useSettings.getState();
        editor.current = createEditor(shadow, {
          doc: old.value,
          selection: focused ? [old.selectionStart, old.selectionEnd] : [old.value.length, old.value.length],
          label: latest.current.label,
          placeholder: t('query.placeholder'),
          dark: useTheme.getState().theme === 'dark',
          fontPx: settings.editorFontPx,
          enterRuns: settings.enterRuns,
          autocomplete: settings.autocomplete,
          highlight: settings.highlight,
          linter: settings.linter,
          onChange: (text) => latest.current.onChange(text),
          onRun: run,
          onHistory: fromHistory,
          history: () => useHistory.getState().entries.map((e) => e.expr),
        });
        setUpgraded(true);
        if (focused) editor.current.focus();
      });
    });
    return () => {
      gone = true;
      editor.current?.destroy();
      editor.current = null;
    };
  }, []);

  useLayoutEffect(() => {
    editor.current?.setText(props.value);
  }, [props.value, upgraded]);
  useEffect(() => {
    editor.current?.configure({
      dark: theme === 'dark',
      fontPx: editorFontPx,
      enterRuns,
      autocomplete,
      highlight,
      linter,
      label: props.label,
    });
  }, [theme, editorFontPx, enterRuns, autocomplete, highlight, linter, props.label, language]);
  useEffect(() => {
    editor.current?.setServerError(props.error?.text ?? '', props.error?.span ?? null);
  }, [props.error, upgraded]);

  useImperativeHandle(ref, () => ({
    focus: () => (editor.current ? editor.current.focus() : area.current?.focus()),
    insert: (text) => {
      if (editor.current) editor.current.insert(text);
      else latest.current.onChange(latest.current.value + text);
    },
  }));

  return (
    <div className="editor" style={{ fontSize: `${editorFontPx}px` }} data-upgraded={upgraded || undefined}>
      <div ref={host} className="editor-host" />
      {!upgraded && (
        <textarea
          ref={area}
          className="editor-plain"
          aria-label={props.label}
          placeholder={t('query.placeholder')}
          value={props.value}
          rows={props.value.split('\n').length}
          spellCheck="false"
          autoComplete="off"
          autoCapitalize="off"
          onInput={(e) => props.onChange(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key === 'Enter' && !e.shiftKey && (enterRuns || e.ctrlKey || e.metaKey)) {
              e.preventDefault();
              run();
            } else if (e.altKey && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) {
              e.preventDefault();
              const text = fromHistory(e.key === 'ArrowUp' ? -1 : 1);
              if (text !== undefined) props.onChange(text);
            }
          }}
        />
      )}
    </div>
  );
});
