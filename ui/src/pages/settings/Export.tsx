/* Captured messages as a file, which the browser saves as it comes. */
import { useState } from 'react'
import { withQuery } from '@/api/transport'
import { DIRECTIONS } from '@/api/types'
import { timeOf } from '@/lib/filters'
import { t } from '@/text'
import { Field, Input, Select } from '@/ui/Input'
import { Panel } from '@/ui/Panel'

const FIRST: Record<string, string> = { format: 'jsonl', session_id: '', direction: '', method: '', errors: '', since: '', q: '' }

export function Export() {
  const [f, setF] = useState(FIRST)
  const set = (name: string) => (value: string) => setF({ ...f, [name]: value })
  const since = f['since'] === undefined || f['since'] === '' ? '' : timeOf(f['since'], Date.now())
  return (
    <Panel title={t.settings.export} className="max-w-2xl">
      <p className="mb-4 text-sm text-dim">{t.settings.exportLead}</p>
      <div className="grid gap-3 sm:grid-cols-2">
        <div className="sm:col-span-2"><Field label={t.settings.format}><Select className="w-full" value={f['format']} options={Object.entries(t.settings.formats)} onValue={set('format')} /></Field></div>
        <Field label={t.messages.time}><Select className="w-full" value={f['since']} options={[['', t.messages.anyTime], ...Object.entries(t.messages.times)]} onValue={set('since')} /></Field>
        <Field label={t.messages.direction}><Select className="w-full" value={f['direction']} options={[['', t.messages.anyDirection], ...DIRECTIONS.map((d): [string, string] => [d, t.direction[d]])]} onValue={set('direction')} /></Field>
        <Field label={t.messages.errors}><Select className="w-full" value={f['errors']} options={[['', t.messages.anyErrors], ...Object.entries(t.messages.errorKinds)]} onValue={set('errors')} /></Field>
        <Field label={t.messages.method}><Input className="w-full" value={f['method']} onChange={(e) => set('method')(e.target.value)} /></Field>
        <Field label={t.messages.session}><Input className="w-full" value={f['session_id']} onChange={(e) => set('session_id')(e.target.value.trim())} /></Field>
      </div>
      <a
        href={withQuery('/api/export', { ...f, since })}
        download={`hashscope.${f['format'] ?? 'jsonl'}`}
        className="mt-4 inline-flex h-8 items-center rounded bg-accent px-3 text-sm font-medium text-on-accent hover:opacity-90"
      >
        {t.settings.download}
      </a>
    </Panel>
  )
}
