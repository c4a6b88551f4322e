import '../style/fonts.css';
import '../style/tokens.css';
import '../style/base.css';
import '../style/shell.css';
import '../style/controls.css';
import '../style/shapes.css';
import '../style/states.css';
import '../style/query.css';
import '../style/chart.css';
import '../style/table.css';
import '../style/targets.css';
import '../style/status.css';
import '../style/explore.css';
import '../style/media.css';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { setLanguage } from './i18n';
import { effectiveLanguage, startSettings, useSettings } from './settings';
import { handleKey } from './shortcuts';

startSettings((language) => void setLanguage(language));
addEventListener('keydown', handleKey);

const root = document.getElementById('app');
const language = effectiveLanguage(useSettings.getState().language);
// English is at hand; for another language the first paint waits for its catalogue instead of changing words.
void (language === 'en' ? Promise.resolve() : setLanguage(language)).then(
  () => root && createRoot(root).render(<App />),
);
