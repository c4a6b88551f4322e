// What the server wants its users to know (a reload that failed, a clock that jumped). The stream holds a connection
// and a thread of the server, so it is open only while the page is in the foreground; where it is refused, the list is
// asked once a minute.
import { create } from 'zustand';
import { apiUrl, request } from './client';

export interface Notification {
  text: string;
  date: string;
  active: boolean;
}

export const useNotifications = create<{ active: Notification[]; hidden: string[] }>(() => ({
  active: [],
  hidden: [],
}));

const pollMs = 60_000;
let source: EventSource | null = null;
let poll: ReturnType<typeof setTimeout> | undefined;
let watching = false;

// By text: an event that is not active takes the one of the same text away.
export function applyNotification(active: readonly Notification[], event: Notification): Notification[] {
  const rest = active.filter((n) => n.text !== event.text);
  return event.active ? [...rest, event] : rest;
}

export function hideNotification(text: string): void {
  useNotifications.setState((s) => ({ hidden: [...s.hidden, text] }));
}

async function readList(): Promise<void> {
  try {
    const answer = await request<Notification[]>('notifications');
    useNotifications.setState({ active: answer.data });
  } catch {
    // Without an answer what is shown stays; that the server is away has its own banner.
  }
}

function close(): void {
  source?.close();
  source = null;
  clearTimeout(poll);
}

function openStream(): void {
  close();
  const opened = new EventSource(apiUrl('notifications/live'));
  source = opened;
  // The stream begins with all that is active.
  opened.addEventListener('open', () => useNotifications.setState({ active: [] }));
  opened.addEventListener('message', (message: MessageEvent<string>) => {
    let event: Notification;
    try {
      event = JSON.parse(message.data) as Notification;
    } catch {
      // A proxy's own words.
      return;
    }
    useNotifications.setState((s) => ({
      active: applyNotification(s.active, event),
      // One that comes back after it was over is news.
      hidden: event.active ? s.hidden : s.hidden.filter((text) => text !== event.text),
    }));
  });
  opened.addEventListener('error', () => {
    if (opened.readyState !== EventSource.CLOSED || source !== opened) return;
    const again = () => {
      void readList();
      poll = setTimeout(again, pollMs);
    };
    again();
  });
}

export function watchNotifications(): void {
  if (watching) return;
  watching = true;
  const follow = () => (document.hidden ? close() : openStream());
  document.addEventListener('visibilitychange', follow);
  follow();
}
