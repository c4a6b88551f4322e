// Flags by name, and as a command line. Pure.

export function matchingFlags(flags: Record<string, string>, search: string): [string, string][] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return Object.entries(flags)
    .filter(([name, value]) => words.every((w) => `--${name}=${value}`.toLowerCase().includes(w)))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

// For a POSIX shell.
export function commandLine(flags: readonly [string, string][]): string {
  const quoted = (text: string) =>
    /^[\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
  return flags.map(([name, value]) => quoted(`--${name}=${value}`)).join(' ');
}
