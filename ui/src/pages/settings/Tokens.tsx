import { useState, type SyntheticEvent } from 'react'
import { api } from '@/api'
import * as d from '@/api/decode'
import { token, type Token } from '@/api/types'
import { visible } from '@/lib/escape'
import { explainError, useAct } from '@/state/act'
import { useResource } from '@/state/resource'
import { toast } from '@/state/toasts'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { Copy } from '@/ui/Copy'
import { DataTable, type Columns } from '@/ui/DataTable'
import { Confirm, Dialog } from '@/ui/Dialog'
import { Field, Input, Select } from '@/ui/Input'
import { Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty, Loaded } from '@/ui/State'
import { DateTime } from '@/ui/Time'
import { ROLE_OPTIONS } from './Users'

const LIVES = Object.entries(t.settings.lifetimes).sort(([a], [b]) => (Number(a) || Infinity) - (Number(b) || Infinity))
const created = d.record({ token: d.text })

function Secret({ value }: { value: string }) {
  return (
    <div>
      <p className="text-sm text-dim">{t.settings.tokenOnce}</p>
      <div className="mt-2 flex items-center gap-2 rounded border bg-raised p-2">
        <code className="min-w-0 flex-1 break-all font-mono text-xs">{value}</code>
        <Copy text={value} />
      </div>
    </div>
  )
}

function New({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState('viewer')
  const [life, setLife] = useState('2592000')
  const [secret, setSecret] = useState('')
  const submit = (e: SyntheticEvent) => {
    e.preventDefault()
    api.send('POST', '/api/tokens', { name, role, lives_s: Number(life) }, created).then(
      (made) => {
        setSecret(made.token)
        onDone()
      },
      (err: unknown) => toast(explainError(err), true),
    )
  }
  return (
    <Dialog open title={t.settings.newToken} onClose={onClose}>
      {secret !== '' ? (
        <Secret value={secret} />
      ) : (
        <form onSubmit={submit} className="space-y-3">
          <Field label={t.settings.name}><Input required maxLength={63} className="w-full" value={name} onChange={(e) => setName(e.target.value)} /></Field>
          <Field label={t.settings.role}><Select className="w-full" value={role} options={ROLE_OPTIONS} onValue={setRole} /></Field>
          <Field label={t.settings.lifetime}><Select className="w-full" value={life} options={LIVES} onValue={setLife} /></Field>
          <div className="flex justify-end"><Button type="submit" look="primary">{t.act.create}</Button></div>
        </form>
      )}
    </Dialog>
  )
}

function Revoke({ name, onDone }: { name: string; onDone: () => void }) {
  const [asking, setAsking] = useState(false)
  const { busy, run } = useAct(onDone)
  return (
    <>
      <Button look="danger" busy={busy} className="!h-6 !px-2 text-xs" onClick={() => setAsking(true)}>{t.settings.revoke}</Button>
      <Confirm open={asking} title={t.settings.revokeTitle(visible(name))} text={t.settings.revokeText} action={t.settings.revoke}
        onClose={() => setAsking(false)}
        onConfirm={() => void run(`/api/tokens/${encodeURIComponent(name)}`, undefined, t.settings.revoked, 'DELETE')} />
    </>
  )
}

function columns(reload: () => void): Columns<Token> {
  return [
    { id: 'name', header: t.settings.name, accessorFn: (k) => k.name, cell: ({ row }) => <span className="font-medium"><Raw value={row.original.name} /></span> },
    { id: 'role', header: t.settings.role, accessorFn: (k) => k.role, cell: ({ row }) => <Raw value={row.original.role} /> },
    { id: 'created', header: t.settings.created, accessorFn: (k) => k.created ?? '', cell: ({ row }) => <DateTime at={row.original.created} />, meta: { from: 'md', className: 'text-dim' } },
    { id: 'expires', header: t.settings.expires, accessorFn: (k) => k.expires ?? '', cell: ({ row: { original: k } }) => (k.expires === null ? t.settings.never : <DateTime at={k.expires} />), meta: { from: 'sm', className: 'text-dim' } },
    { id: 'act', header: '', enableSorting: false, cell: ({ row }) => <Revoke name={row.original.name} onDone={reload} />, meta: { right: true } },
  ]
}

export function Tokens() {
  const [making, setMaking] = useState(false)
  const list = useResource('tokens', (signal) => api.page('/api/tokens', token, {}, signal))
  return (
    <Panel flush title={t.settings.tokens} aside={<Button onClick={() => setMaking(true)}>{t.settings.newToken}</Button>}>
      <Loaded of={list}>
        {({ items }) => (items.length === 0 ? <Empty title={t.settings.noTokens}>{t.settings.noTokensText}</Empty> : <DataTable label={t.settings.tokens} rows={items} columns={columns(list.reload)} id={(k) => k.name} />)}
      </Loaded>
      {making && <New onClose={() => setMaking(false)} onDone={list.reload} />}
    </Panel>
  )
}
