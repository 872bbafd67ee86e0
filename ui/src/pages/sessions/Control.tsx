/* Publishing and replaying what a worker submits. */
import { useEffect, useState } from 'react'
import type { Session } from '@/api/types'
import { useAct } from '@/state/act'
import { useMay } from '@/state/me'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { Input } from '@/ui/Input'
import { Panel } from '@/ui/Panel'
import { Switch } from '@/ui/Switch'

interface CountProps {
  readonly label: string
  readonly value: number
  readonly max: number
  readonly disabled: boolean
  readonly onSave: (n: number) => void
}

function Count({ label, value, max, disabled, onSave }: CountProps) {
  const [typed, setTyped] = useState(String(value))
  useEffect(() => setTyped(String(value)), [value])
  const n = Number(typed)
  const good = /^\d+$/.test(typed) && n >= 1 && n <= max
  return (
    <form
      className="flex flex-wrap items-center gap-2 text-sm"
      onSubmit={(e) => {
        e.preventDefault()
        if (good) onSave(n)
      }}
    >
      <label className="flex items-center gap-2 text-dim">
        {label}
        <Input inputMode="numeric" className="w-24 text-right tabular-nums" value={typed} disabled={disabled} aria-invalid={!good} onChange={(e) => setTyped(e.target.value)} />
      </label>
      <span className="text-dim">{t.session.times}</span>
      {n !== value && <Button type="submit" disabled={!good || disabled}>{t.act.save}</Button>}
      {!good && <span role="alert" className="text-xs text-rejected">{t.session.bounds(1, max)}</span>}
    </form>
  )
}

export function Control({ s, onChange }: { s: Session; onChange: () => void }) {
  const { busy, run } = useAct(onChange)
  const may = useMay('operator')
  const off = busy || !may
  const base = `/api/sessions/${s.session_id}`
  const broadcast = (on: boolean) => void run(`${base}/broadcast/${on ? 'enable' : 'disable'}`, undefined, on ? t.session.broadcastOn : t.session.broadcastOff)
  const replay = (on: boolean) => void run(`${base}/auto-replay/${on ? 'enable' : 'disable'}`, undefined, on ? t.session.replayOn : t.session.replayOff)
  return (
    <Panel title={t.session.control}>
      <div className="divide-y">
        <div className="space-y-2 pb-3">
          <div className="flex items-start justify-between gap-4">
            <div>
              <p className="text-sm font-medium">{t.sessions.broadcast}</p>
              <p className="text-sm text-dim">{t.session.broadcastText}</p>
            </div>
            <Switch label={t.sessions.broadcast} checked={s.broadcast_enabled} disabled={off} onChange={broadcast} />
          </div>
          <Count label={t.session.repeat} value={s.repeat_count} max={1000} disabled={off}
            onSave={(n) => void run(`${base}/repeat-count`, { repeat_count: n }, t.session.countSet)} />
        </div>
        <div className="space-y-2 pt-3">
          <div className="flex items-start justify-between gap-4">
            <div>
              <p className="text-sm font-medium">{t.sessions.replay}</p>
              <p className="text-sm text-dim">{t.session.autoText}</p>
            </div>
            {s.auto_replay_enabled && may ? (
              <Button look="danger" busy={busy} onClick={() => replay(false)}>{t.session.stop}</Button>
            ) : (
              <Switch label={t.sessions.replay} checked={s.auto_replay_enabled} disabled={off || s.state !== 'live'} onChange={replay} />
            )}
          </div>
          <Count label={t.session.autoCount} value={s.auto_replay_count} max={900000} disabled={off}
            onSave={(n) => void run(`${base}/auto-replay-count`, { auto_replay_count: n }, t.session.countSet)} />
        </div>
      </div>
      {!may && <p className="mt-3 text-xs text-faint">{t.session.readOnly}</p>}
    </Panel>
  )
}
