// What the server put into index.html. See web/README.md.
function meta(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="narthex-${name}"]`)?.content ?? '';
}

export const pageInfo = {
  title: document.title,
  version: meta('version'),
  lookbackDelta: meta('lookback-delta'),
  agentMode: meta('agent-mode') === 'true',
  ready: meta('ready') !== 'false',
  // The route prefix without its last slash: '' or '/prefix'.
  prefix: new URL(document.baseURI).pathname.replace(/\/[^/]*$/, ''),
};
