// a cpu → a regular expression for names that hold both, in this order, whatever lies between.
export function namePattern(search: string): string {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return words.map((w) => `.*${w.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}`).join('') + '.*';
}
