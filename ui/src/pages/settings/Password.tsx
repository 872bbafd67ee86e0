import { useState, type SyntheticEvent } from 'react'
import { useAct } from '@/state/act'
import { useMe } from '@/state/me'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { Field, Input } from '@/ui/Input'
import { Panel } from '@/ui/Panel'

const MIN = 8

export function Password() {
  const { user } = useMe()
  const [now, setNow] = useState('')
  const [next, setNext] = useState('')
  const { busy, run } = useAct()
  const submit = async (e: SyntheticEvent) => {
    e.preventDefault()
    if (!(await run('/api/me/password', { old_password: now, password: next }, t.settings.passwordSet))) return
    setNow('')
    setNext('')
  }
  return (
    <Panel title={t.settings.password} className="max-w-md">
      <form onSubmit={(e) => void submit(e)} className="space-y-3">
        <input type="hidden" name="username" autoComplete="username" value={user} readOnly />
        <Field label={t.settings.passwordNow}>
          <Input type="password" autoComplete="current-password" required className="w-full" value={now} onChange={(e) => setNow(e.target.value)} />
        </Field>
        <Field label={t.settings.passwordNew} hint={t.settings.passwordHint}>
          <Input type="password" autoComplete="new-password" required minLength={MIN} className="w-full" value={next} onChange={(e) => setNext(e.target.value)} />
        </Field>
        <Button type="submit" look="primary" busy={busy} disabled={next.length < MIN}>{t.act.save}</Button>
      </form>
    </Panel>
  )
}
