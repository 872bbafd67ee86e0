/*
 * Replay & edit: a captured submit once more, as it was or changed.  What the
 * pool answers is shown here; it is also a message like any other.
 */
import { useState } from 'react'
import { api } from '@/api'
import { replayAnswer, type Message, type ReplayAnswer } from '@/api/types'
import { ms } from '@/lib/format'
import { checkFields, checkLine, readSubmit, SUBMIT_FIELDS, writeSubmit, type Problem, type Submit } from '@/lib/submit'
import { explainError } from '@/state/act'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { Field, Input } from '@/ui/Input'
import { Raw } from '@/ui/Raw'
import { Tabs } from '@/ui/Tabs'

const NONE: Submit = { worker: '', job: '', extranonce2: '', ntime: '', nonce: '', version_bits: '' }

function problemText(p: Problem | null): string {
  if (!p) return ''
  const say = t.replay.problems
  switch (p.kind) {
    case 'hex':
      return say.hex(t.replay.fields[p.field]?.[0] ?? p.field)
    case 'length':
      return say.length(t.replay.fields[p.field]?.[0] ?? p.field, p.length)
    default:
      return say[p.kind]
  }
}

function Fields({ submit, onChange }: { submit: Submit; onChange: (s: Submit) => void }) {
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      {SUBMIT_FIELDS.map((name) => {
        const [label, hint] = t.replay.fields[name] ?? [name, '']
        return (
          <Field key={name} label={label} hint={hint}>
            <Input name={name} className="w-full font-mono !text-xs" value={submit[name]} maxLength={4096}
              onChange={(e) => onChange({ ...submit, [name]: e.target.value })} />
          </Field>
        )
      })}
    </div>
  )
}

function Answer({ answer }: { answer: ReplayAnswer }) {
  const text = answer.pool_response === null || answer.pool_response === undefined ? '' : JSON.stringify(answer.pool_response)
  const result = answer.success ? 'accepted' : text === '' ? 'none' : 'refused'
  const tone = { accepted: 'text-accepted', refused: 'text-rejected', none: 'text-stale' }[result]
  const words = { accepted: t.replay.accepted, refused: t.replay.refused, none: t.replay.noAnswer }[result]
  return (
    <div role="status" className="mt-4 rounded border bg-raised/50 p-3 text-sm">
      <p className={`font-medium ${tone}`}>
        {words} <span className="font-normal text-dim">{answer.latency_ms === null ? '' : ms(answer.latency_ms)}</span>
      </p>
      {answer.error !== null && <p className="mt-1 text-dim"><Raw value={answer.error} /></p>}
      {text !== '' && <pre className="mt-2 whitespace-pre-wrap break-all font-mono text-xs"><Raw value={text} max={4096} /></pre>}
    </div>
  )
}

function useReplay(id: string) {
  const [busy, setBusy] = useState(false)
  const [answer, setAnswer] = useState<ReplayAnswer | null>(null)
  const [error, setError] = useState('')
  const send = (line: string | null) => {
    setBusy(true)
    setError('')
    setAnswer(null)
    api
      .send('POST', `/api/messages/${id}/replay`, line === null ? undefined : { modified_message: line }, replayAnswer)
      .then(setAnswer, (e: unknown) => setError(explainError(e)))
      .finally(() => setBusy(false))
  }
  return { busy, answer, error, send }
}

export function Replay({ m, onClose }: { m: Message; onClose: () => void }) {
  const captured = m.raw.trim()
  const [line, setLine] = useState(captured)
  const [view, setView] = useState('fields')
  const { busy, answer, error, send } = useReplay(m.id)
  const submit = readSubmit(line)
  const problem = checkLine(line)
  const hint = submit ? checkFields(submit) : null
  return (
    <Dialog open wide title={t.replay.title} lead={t.replay.lead} onClose={onClose}>
      <Tabs
        label={t.replay.how}
        value={view}
        onChange={setView}
        tabs={[
          { value: 'fields', label: t.replay.asFields, content: <Fields submit={submit ?? NONE} onChange={(s) => setLine(writeSubmit(s))} /> },
          {
            value: 'line',
            label: t.replay.asLine,
            content: (
              <textarea aria-label={t.replay.line} rows={5} spellCheck={false} value={line} onChange={(e) => setLine(e.target.value)}
                className="w-full rounded border border-strong bg-panel p-2 font-mono text-xs" />
            ),
          },
        ]}
      />
      <p role="alert" className={`mt-3 min-h-5 text-sm ${problem || error !== '' ? 'text-rejected' : 'text-stale'}`}>
        {error === '' ? problemText(problem ?? hint) : error}
      </p>
      <div className="flex justify-end gap-2">
        <Button onClick={() => setLine(captured)} disabled={line === captured}>{t.replay.reset}</Button>
        <Button look="primary" busy={busy} disabled={problem !== null} onClick={() => send(line === captured ? null : line.trim())}>
          {busy ? t.replay.sending : t.replay.send}
        </Button>
      </div>
      {answer && <Answer answer={answer} />}
    </Dialog>
  )
}
