// Small controls. Menus and popovers use the popover attribute, dialogs <dialog>: focus, Esc and the top
// layer are the browser's.
import type { ComponentProps, KeyboardEvent, ReactNode, RefObject } from 'react';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { t } from '../app/i18n';
import { Icon, type IconName } from './icons';

type ButtonProps = ComponentProps<'button'> & {
  kind?: 'plain' | 'primary' | 'ghost' | 'danger';
  icon?: IconName;
};

export function Button({ kind = 'plain', icon, children, className: extra, ...rest }: ButtonProps) {
  return (
    <button type="button" className={`btn btn-${kind} ${extra ?? ''}`} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

// A button that is only an icon must have a name.
export function IconButton({
  label,
  icon,
  filled,
  ...rest
}: Omit<ButtonProps, 'label'> & { label: string; icon: IconName; filled?: boolean }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={`btn btn-ghost btn-icon ${rest.className ?? ''}`}
    >
      <Icon name={icon} filled={filled} />
    </button>
  );
}

export interface Option<V extends string> {
  value: V;
  label: string;
}

// A native select: keyboard, touch and screen readers come with it.
export function Select<V extends string>(props: {
  label: string;
  value: V;
  options: Option<V>[];
  onChange: (value: V) => void;
  showLabel?: boolean;
}) {
  const id = useId();
  return (
    <span className="field">
      <label htmlFor={id} className={props.showLabel ? 'field-label' : 'sr-only'}>
        {props.label}
      </label>
      <span className="select">
        <select id={id} value={props.value} onChange={(e) => props.onChange(e.currentTarget.value as V)}>
          {props.options.map((o) => (
            <option key={o.value} value={o.value}>
              {o.label}
            </option>
          ))}
        </select>
        <Icon name="down" />
      </span>
    </span>
  );
}

export function Check(props: { label: ReactNode; checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={props.checked}
        onChange={(e) => props.onChange(e.currentTarget.checked)}
      />
      <span>{props.label}</span>
    </label>
  );
}

// One of a few: radio buttons drawn as a strip.
export function Segmented<V extends string>(props: {
  label: string;
  value: V;
  options: Option<V>[];
  onChange: (value: V) => void;
}) {
  const name = useId();
  return (
    <fieldset className="segmented">
      <legend className="sr-only">{props.label}</legend>
      {props.options.map((o) => (
        <label key={o.value}>
          <input
            type="radio"
            name={name}
            checked={o.value === props.value}
            onChange={() => props.onChange(o.value)}
          />
          <span>{o.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function SearchField(props: {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hotkey?: boolean;
}) {
  return (
    <span className="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label={props.label}
        placeholder={props.label}
        value={props.value}
        spellCheck="false"
        autoComplete="off"
        data-hotkey-filter={props.hotkey ? '' : undefined}
        onInput={(e) => props.onInput(e.currentTarget.value)}
      />
    </span>
  );
}

// A text field whose value is taken on Enter or on leaving; a text that does not parse is marked and kept.
export function CommitField(props: {
  label: string;
  value: string;
  placeholder?: string;
  invalid: string;
  accept: (text: string) => boolean;
  widthCh?: number;
  list?: string[];
  hotkey?: boolean;
}) {
  const [text, setText] = useState(props.value);
  const [bad, setBad] = useState(false);
  const id = useId();
  useEffect(() => {
    setText(props.value);
    setBad(false);
  }, [props.value]);
  const commit = () => {
    if (text === props.value) setBad(false);
    else setBad(!props.accept(text));
  };
  return (
    <span className="commit">
      <input
        type="text"
        className="input"
        aria-label={props.label}
        aria-invalid={bad || undefined}
        aria-describedby={bad ? `${id}-bad` : undefined}
        title={bad ? props.invalid : props.label}
        value={text}
        placeholder={props.placeholder}
        spellCheck="false"
        autoComplete="off"
        data-hotkey-filter={props.hotkey ? '' : undefined}
        list={props.list ? `${id}-list` : undefined}
        style={{ width: `${props.widthCh ?? 8}ch`, maxWidth: '100%' }}
        onInput={(e) => setText(e.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(e) => {
          if (e.key === 'Enter') commit();
          if (e.key === 'Escape') {
            setText(props.value);
            setBad(false);
          }
        }}
      />
      {props.list && (
        <datalist id={`${id}-list`}>
          {props.list.map((v) => (
            <option key={v} value={v} />
          ))}
        </datalist>
      )}
      {bad && (
        <span id={`${id}-bad`} className="commit-bad" role="alert">
          {props.invalid}
        </span>
      )}
    </span>
  );
}

// Places `floating` at `anchor` while open; both are in the page. What places it is loaded with the first use.
function usePlaced(
  open: boolean,
  anchor: RefObject<HTMLElement | null>,
  floating: RefObject<HTMLElement | null>,
) {
  useLayoutEffect(() => {
    const a = anchor.current;
    const f = floating.current;
    if (!open || !a || !f) return undefined;
    let stop: (() => void) | undefined;
    let closed = false;
    f.style.visibility = 'hidden';
    void import('./place').then(({ keepPlaced }) => {
      if (!closed) stop = keepPlaced(a, f);
    });
    return () => {
      closed = true;
      stop?.();
    };
  }, [open, anchor, floating]);
}

// A button that opens a box beside itself. The content exists only while it is open.
export function Popover(props: {
  label: string;
  icon?: IconName;
  text?: ReactNode;
  kind?: 'plain' | 'ghost';
  role?: 'menu' | 'dialog';
  className?: string;
  children: (close: () => void) => ReactNode;
}) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const role = props.role ?? 'dialog';
  usePlaced(open, button, box);
  const close = () => box.current?.hidePopover();
  const focusFirst = () => {
    const first = box.current?.querySelector<HTMLElement>('[role=menuitem], input, select, button, a[href]');
    first?.focus({ preventScroll: true });
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={`btn btn-${props.kind ?? 'ghost'} ${props.text ? '' : 'btn-icon'} ${props.className ?? ''}`}
        aria-label={props.text ? undefined : props.label}
        title={props.label}
        aria-haspopup={role}
        aria-expanded={open}
        popoverTarget={id}
      >
        {props.icon && <Icon name={props.icon} />}
        {props.text}
      </button>
      <div
        ref={box}
        id={id}
        popover="auto"
        className={`popover popover-${role}`}
        role={role}
        aria-label={props.label}
        onToggle={(e) => {
          const now = (e as unknown as { newState: string }).newState === 'open';
          setOpen(now);
          if (now)
            void import('./place').then(() => requestAnimationFrame(() => requestAnimationFrame(focusFirst)));
        }}
        onKeyDown={role === 'menu' ? moveInMenu : undefined}
      >
        {open && props.children(close)}
      </div>
    </>
  );
}

function moveInMenu(event: KeyboardEvent<HTMLDivElement>): void {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[role=menuitem]')];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined || items.length === 0) return;
  event.preventDefault();
  items[to % items.length]?.focus();
}

export interface MenuEntry {
  label: string;
  icon?: IconName;
  href?: string;
  external?: boolean;
  onSelect?: () => void;
}

export function Menu(props: {
  label: string;
  icon: IconName;
  text?: string;
  kind?: 'plain' | 'ghost';
  entries: MenuEntry[];
}) {
  return (
    <Popover label={props.label} icon={props.icon} text={props.text} kind={props.kind} role="menu">
      {(close) =>
        props.entries.map((entry) =>
          entry.href ? (
            <a
              key={entry.label}
              role="menuitem"
              className="menu-item"
              href={entry.href}
              {...(entry.external ? { target: '_blank', rel: 'noopener noreferrer' } : {})}
              onClick={(e) => {
                close();
                if (entry.onSelect) {
                  e.preventDefault();
                  entry.onSelect();
                }
              }}
            >
              {entry.label}
            </a>
          ) : (
            <button
              key={entry.label}
              type="button"
              role="menuitem"
              className="menu-item"
              onClick={() => {
                close();
                entry.onSelect?.();
              }}
            >
              {entry.label}
            </button>
          ),
        )
      }
    </Popover>
  );
}

export function Dialog(props: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  className?: string;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const opener = document.activeElement as HTMLElement | null;
    ref.current?.showModal();
    return () => opener?.focus({ preventScroll: true });
  }, []);
  return (
    <dialog
      ref={ref}
      className={`dialog ${props.className ?? ''}`}
      aria-labelledby={id}
      onClose={props.onClose}
      onClick={(e) => {
        // A click on the backdrop is a click on the dialog itself.
        if (e.target === ref.current) ref.current?.close();
      }}
    >
      <div className="dialog-inner">
        <header className="dialog-head">
          <h2 id={id}>{props.title}</h2>
          <IconButton icon="close" label={t('app.close')} onClick={() => ref.current?.close()} />
        </header>
        {props.children}
      </div>
    </dialog>
  );
}
