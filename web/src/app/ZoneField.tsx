import { isZone, zoneLabel } from '../time/zone';
import { CommitField, Segmented } from '../ui/primitives';
import { t } from './i18n';
import { useSettings } from './settings';

export function ZoneField() {
  const zone = useSettings((s) => s.zone);
  const kind = zone === 'browser' || zone === 'UTC' ? zone : 'other';
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <div className="zone-field">
      <Segmented
        label={t('settings.zone')}
        value={kind}
        options={[
          { value: 'browser', label: t('settings.zone.browser', { zone: zoneLabel(Date.now(), 'browser') }) },
          { value: 'UTC', label: 'UTC' },
          { value: 'other', label: t('settings.zone.other') },
        ]}
        onChange={(next) => useSettings.setState({ zone: next === 'other' ? own : next })}
      />
      {kind === 'other' && (
        <CommitField
          label={t('settings.zone.other')}
          value={zone}
          invalid={t('settings.zone.bad')}
          widthCh={22}
          list={Intl.supportedValuesOf('timeZone')}
          accept={(text) => {
            if (!isZone(text.trim())) return false;
            useSettings.setState({ zone: text.trim() });
            return true;
          }}
        />
      )}
    </div>
  );
}
