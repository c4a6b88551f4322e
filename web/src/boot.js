// Runs before the first paint: puts theme, density and language on <html>, so that nothing flashes.
// Plain small JavaScript on purpose; see vite.config.ts.
(function () {
  var root = document.documentElement;
  var settings = {};
  try {
    settings = JSON.parse(localStorage.getItem('narthex.settings') || '{}').state || {};
  } catch {
    // Storage may be blocked or hold something else: the defaults do.
  }
  var theme = settings.theme;
  if (theme !== 'dark' && theme !== 'light') {
    theme = matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
  }
  root.dataset.theme = theme;
  root.dataset.density = settings.density === 'compact' ? 'compact' : 'comfortable';
  var language = settings.language;
  if (language !== 'en' && language !== 'ko') {
    language = /^ko\b/.test(navigator.language) ? 'ko' : 'en';
  }
  root.lang = language;
})();
