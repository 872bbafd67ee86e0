import { useState, type SyntheticEvent } from 'react'
import { api } from '@/api'
import { any } from '@/api/decode'
import { ApiError } from '@/api/transport'
import { explainError } from '@/state/act'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { Field, Input } from '@/ui/Input'

function why(e: unknown): string {
  if (e instanceof ApiError && e.status === 401) return t.login.wrong
  if (e instanceof ApiError && e.status === 429) return t.login.slow
  return explainError(e)
}

/** used: a link led here that is good no more. */
export function Login({ used, onLogin }: { used: boolean; onLogin: () => void }) {
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState(used ? t.login.usedUp : '')
  const submit = (e: SyntheticEvent) => {
    e.preventDefault()
    setBusy(true)
    setError('')
    api
      .send('POST', '/api/login', { user, password }, any)
      .then(onLogin, (err: unknown) => setError(why(err)))
      .finally(() => setBusy(false))
  }
  return (
    <main className="grid min-h-full place-items-center p-4">
      <form onSubmit={submit} className="w-full max-w-sm rounded-lg border bg-panel p-6">
        <div className="mb-5 flex items-center gap-2.5">
          <img src="/icon.svg" alt="" className="size-8" />
          <h1 className="text-lg font-semibold tracking-tight">{t.name}</h1>
        </div>
        <div className="space-y-3">
          <Field label={t.login.user}>
            <Input name="user" autoComplete="username" autoFocus required className="w-full" value={user} onChange={(e) => setUser(e.target.value)} />
          </Field>
          <Field label={t.login.password}>
            <Input name="password" type="password" autoComplete="current-password" required className="w-full" value={password} onChange={(e) => setPassword(e.target.value)} />
          </Field>
        </div>
        <p role="alert" className="mt-3 min-h-5 text-sm text-rejected">{error}</p>
        <Button type="submit" look="primary" busy={busy} className="mt-1 w-full">{t.login.submit}</Button>
        <p className="mt-4 text-xs text-dim">{t.login.hint}</p>
      </form>
    </main>
  )
}
