// Flags by name, and as a command line. Pure.

export interface Flag {
  name: string;
  value: string;
  default: string;
  help: string;
}

export interface PageState {
  search: string;
  changed: boolean;
}

export function decode(search: string): PageState {
  const params = new URLSearchParams(search);
  return { search: params.get('search') ?? '', changed: params.get('changed') === '1' };
}

export function encode({ search, changed }: PageState): string {
  const params = new URLSearchParams();
  if (search) params.set('search', search);
  if (changed) params.set('changed', '1');
  return params.toString();
}

export function isChanged(flag: Flag): boolean {
  return flag.value !== flag.default;
}

export function matchingFlags(flags: readonly Flag[], { search, changed }: PageState): Flag[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return flags
    .filter((flag) => !changed || isChanged(flag))
    .filter(({ name, value, help }) => {
      const text = `--${name}=${value} ${help}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

// For a POSIX shell.
export function commandLine(flags: readonly Pick<Flag, 'name' | 'value'>[]): string {
  const quoted = (text: string) =>
    /^[\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
  return flags.map(({ name, value }) => quoted(`--${name}=${value}`)).join(' ');
}
