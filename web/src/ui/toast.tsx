// Short confirmations at the lower edge, read out politely.
import { create } from 'zustand';
import { t } from '../app/i18n';

const useToast = create<{ text: string; at: number }>(() => ({ text: '', at: 0 }));
let timer: ReturnType<typeof setTimeout> | undefined;

export function toast(text: string): void {
  useToast.setState({ text, at: Date.now() });
  clearTimeout(timer);
  timer = setTimeout(() => useToast.setState({ text: '' }), 2500);
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(t('state.copied'));
  } catch {
    // Not a secure context (plain http on another host), or refused: the old way still works there.
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'sr-only';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    toast(t(done ? 'state.copied' : 'state.copyFailed'));
  }
}

export function Toasts() {
  const { text } = useToast();
  return (
    <div className="toasts" role="status" aria-live="polite">
      {text && <div className="toast">{text}</div>}
    </div>
  );
}
