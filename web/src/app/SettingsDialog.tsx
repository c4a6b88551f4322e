import './i18n/pages';
import { Check, Dialog, Segmented, Select, CommitField } from '../ui/primitives';
import { pages } from './App';
import { t, useLanguage } from './i18n';
import { pageInfo } from './page-info';
import { useSettings, type Settings } from './settings';
import { ZoneField } from './ZoneField';

const fontSizes = [12, 13, 14, 16, 18, 20];

export default function SettingsDialog({ onClose }: { onClose: () => void }) {
  useLanguage();
  const s = useSettings();
  const set = (partial: Partial<Settings>) => useSettings.setState(partial);
  return (
    <Dialog title={t('settings.title')} onClose={onClose}>
      <div className="settings">
        <div className="setting">
          <span>{t('settings.theme')}</span>
          <Segmented
            label={t('settings.theme')}
            value={s.theme}
            options={(['system', 'dark', 'light'] as const).map((v) => ({
              value: v,
              label: t(`settings.theme.${v}`),
            }))}
            onChange={(theme) => set({ theme })}
          />
        </div>
        <div className="setting">
          <span>{t('settings.language')}</span>
          <Segmented
            label={t('settings.language')}
            value={s.language}
            options={[
              { value: 'auto', label: t('settings.language.auto') },
              { value: 'en', label: 'English' },
              { value: 'ko', label: '한국어' },
            ]}
            onChange={(language) => set({ language })}
          />
        </div>
        <div className="setting">
          <span>{t('settings.zone')}</span>
          <ZoneField />
        </div>
        <div className="setting">
          <span>{t('settings.clock')}</span>
          <Segmented
            label={t('settings.clock')}
            value={s.clock}
            options={(['24', '12'] as const).map((v) => ({ value: v, label: t(`settings.clock.${v}`) }))}
            onChange={(clock) => set({ clock })}
          />
        </div>
        <div className="setting">
          <span>{t('settings.home')}</span>
          <Select
            label={t('settings.home')}
            value={s.home}
            options={pages.map((p) => ({ value: p.path, label: t(p.title) }))}
            onChange={(home) => set({ home })}
          />
        </div>
        <div className="setting">
          <span>{t('settings.density')}</span>
          <Segmented
            label={t('settings.density')}
            value={s.density}
            options={(['comfortable', 'compact'] as const).map((v) => ({
              value: v,
              label: t(`settings.density.${v}`),
            }))}
            onChange={(density) => set({ density })}
          />
        </div>
        <h3>{t('settings.editor')}</h3>
        <div className="setting">
          <span>{t('settings.font')}</span>
          <Select
            label={t('settings.font')}
            value={String(s.editorFontPx)}
            options={fontSizes.map((px) => ({ value: String(px), label: `${px} px` }))}
            onChange={(px) => set({ editorFontPx: Number(px) })}
          />
        </div>
        <Check
          label={t('settings.enterRuns')}
          checked={s.enterRuns}
          onChange={(enterRuns) => set({ enterRuns })}
        />
        <Check
          label={t('settings.autocomplete')}
          checked={s.autocomplete}
          onChange={(autocomplete) => set({ autocomplete })}
        />
        <Check
          label={t('settings.highlight')}
          checked={s.highlight}
          onChange={(highlight) => set({ highlight })}
        />
        <Check label={t('settings.linter')} checked={s.linter} onChange={(linter) => set({ linter })} />
        <Check label={t('settings.history')} checked={s.history} onChange={(history) => set({ history })} />
        <h3>{t('settings.results')}</h3>
        <Check
          label={t('settings.warnings')}
          checked={s.showWarnings}
          onChange={(showWarnings) => set({ showWarnings })}
        />
        <Check
          label={t('settings.infos')}
          checked={s.showInfos}
          onChange={(showInfos) => set({ showInfos })}
        />
        <div className="setting">
          <span>{t('settings.traceLink')}</span>
          <CommitField
            label={t('settings.traceLink')}
            value={s.traceLink}
            placeholder={t('settings.traceHint', { open: '{', close: '}' })}
            invalid={t('settings.traceHint', { open: '{', close: '}' })}
            widthCh={34}
            accept={(text) => {
              const good = text.trim() === '' || /^https?:\/\//i.test(text.trim());
              if (good) set({ traceLink: text.trim() });
              return good;
            }}
          />
        </div>
        <h3>{t('settings.keysTitle')}</h3>
        <Check
          label={t('settings.singleKeys')}
          checked={s.singleKeys}
          onChange={(singleKeys) => set({ singleKeys })}
        />
        <p className="muted">
          {t('settings.stored')} {pageInfo.title} {t('app.version', { version: pageInfo.version })}
        </p>
      </div>
    </Dialog>
  );
}
