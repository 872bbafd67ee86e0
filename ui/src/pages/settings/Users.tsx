import { useState, type SyntheticEvent } from 'react'
import { api } from '@/api'
import { user, type User } from '@/api/types'
import { visible } from '@/lib/escape'
import { useAct } from '@/state/act'
import { useMe } from '@/state/me'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { DataTable, type Columns } from '@/ui/DataTable'
import { Confirm, Dialog } from '@/ui/Dialog'
import { Field, Input, Select } from '@/ui/Input'
import { Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Empty, Loaded } from '@/ui/State'
import { DateTime } from '@/ui/Time'

export const ROLE_OPTIONS = Object.entries(t.settings.role_)

function New({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState('viewer')
  const [password, setPassword] = useState('')
  const { busy, run } = useAct()
  const submit = async (e: SyntheticEvent) => {
    e.preventDefault()
    if (!(await run('/api/users', { name, role, password }, t.settings.added))) return
    onDone()
    onClose()
  }
  return (
    <Dialog open title={t.settings.newUser} onClose={onClose}>
      <form onSubmit={(e) => void submit(e)} className="space-y-3">
        <Field label={t.settings.name}><Input required autoComplete="off" maxLength={63} className="w-full" value={name} onChange={(e) => setName(e.target.value)} /></Field>
        <Field label={t.settings.role}><Select className="w-full" value={role} options={ROLE_OPTIONS} onValue={setRole} /></Field>
        <Field label={t.settings.password} hint={t.settings.passwordHint}>
          <Input type="password" required minLength={8} autoComplete="new-password" className="w-full" value={password} onChange={(e) => setPassword(e.target.value)} />
        </Field>
        <div className="flex justify-end"><Button type="submit" look="primary" busy={busy}>{t.act.create}</Button></div>
      </form>
    </Dialog>
  )
}

function Remove({ name, onDone }: { name: string; onDone: () => void }) {
  const [asking, setAsking] = useState(false)
  const { busy, run } = useAct(onDone)
  return (
    <>
      <Button look="danger" busy={busy} className="!h-6 !px-2 text-xs" onClick={() => setAsking(true)}>{t.act.remove}</Button>
      <Confirm open={asking} title={t.settings.removeTitle(visible(name))} text={t.settings.removeText} action={t.act.remove}
        onClose={() => setAsking(false)}
        onConfirm={() => void run(`/api/users/${encodeURIComponent(name)}`, undefined, t.settings.removed, 'DELETE')} />
    </>
  )
}

function columns(self: string, reload: () => void): Columns<User> {
  return [
    { id: 'user', header: t.settings.name, accessorFn: (u) => u.name, cell: ({ row }) => <span className="font-medium"><Raw value={row.original.name} /></span> },
    { id: 'role', header: t.settings.role, accessorFn: (u) => u.role, cell: ({ row }) => <Raw value={row.original.role} /> },
    { id: 'created', header: t.settings.created, accessorFn: (u) => u.created ?? '', cell: ({ row }) => <DateTime at={row.original.created} />, meta: { from: 'sm', className: 'text-dim' } },
    { id: 'act', header: '', enableSorting: false, cell: ({ row }) => (row.original.name === self ? null : <Remove name={row.original.name} onDone={reload} />), meta: { right: true } },
  ]
}

export function Users() {
  const [making, setMaking] = useState(false)
  const { user: self } = useMe()
  const list = useResource('users', (signal) => api.page('/api/users', user, {}, signal))
  return (
    <Panel flush title={t.settings.users} aside={<Button onClick={() => setMaking(true)}>{t.settings.newUser}</Button>}>
      <Loaded of={list}>
        {({ items }) => (items.length === 0 ? <Empty title={t.settings.noUsers}>{t.settings.noUsersText}</Empty> : <DataTable label={t.settings.users} rows={items} columns={columns(self, list.reload)} id={(u) => u.name} />)}
      </Loaded>
      {making && <New onClose={() => setMaking(false)} onDone={list.reload} />}
    </Panel>
  )
}
