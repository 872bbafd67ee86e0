import { api } from '@/api'
import { any, isObject, text } from '@/api/decode'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Copy } from '@/ui/Copy'
import { Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Loaded } from '@/ui/State'
import { Pair } from '@/ui/Stat'
import { DateTime } from '@/ui/Time'

/** The configuration's own text, and the members that the original had. */
function View({ config }: { config: unknown }) {
  const all = isObject(config) ? config : {}
  const whole = text(all['text'])
  const rest = Object.entries(all).filter(([key]) => key !== 'text')
  return (
    <div className="grid items-start gap-3 lg:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
      {whole !== '' && (
        <Panel title="hashscope.conf" aside={<Copy text={whole} />}>
          <pre className="overflow-x-auto whitespace-pre font-mono text-xs leading-5">
            {whole.split('\n').map((line, i) => (
              <div key={i}>{line.trim() === '' ? ' ' : <><span>{/^\t*/.exec(line)?.[0].replaceAll('\t', '    ')}</span><Raw value={line.trimStart()} /></>}</div>
            ))}
          </pre>
        </Panel>
      )}
      <Panel title={t.session.facts}>
        <dl>
          {rest.map(([key, v]) => (
            <Pair key={key} name={key.replaceAll('_', ' ')}>{key.endsWith('_at') ? <DateTime at={text(v)} /> : <span title={text(v)}><Raw value={text(v)} max={200} /></span>}</Pair>
          ))}
        </dl>
      </Panel>
    </div>
  )
}

export function Config() {
  const config = useResource('config', (signal) => api.get('/api/config', any, {}, signal))
  return (
    <>
      <p className="mb-3 text-sm text-dim">{t.settings.configLead}</p>
      <Loaded of={config}>{(c) => <View config={c} />}</Loaded>
    </>
  )
}
