/* The message in plain words: the same as hashscopectl show message. */
import type { Explanation, Message } from '@/api/types'
import { t } from '@/text'
import { Raw } from '@/ui/Raw'
import { Part } from './Part'

function Fields({ e }: { e: Explanation }) {
  if (e.fields.length === 0) return null
  return (
    <dl className="mt-3 grid grid-cols-[minmax(7rem,auto)_1fr] gap-x-4 text-sm">
      {e.fields.map((f, i) => (
        <div key={i} className="col-span-2 grid grid-cols-subgrid border-t py-1.5">
          <dt className="font-mono text-xs leading-[18px] text-dim"><Raw value={f.name} max={80} /></dt>
          <dd className="min-w-0">
            <span className="break-all font-mono text-xs leading-[18px]"><Raw value={f.value} max={600} /></span>
            {f.unit !== '' && f.unit !== 'hex' && <span className="text-faint"> <Raw value={f.unit} /></span>}
            {f.meaning !== '' && <span className="block text-dim"><Raw value={f.meaning} max={600} /></span>}
          </dd>
        </div>
      ))}
    </dl>
  )
}

export function Explained({ m }: { m: Message }) {
  const e = m.explanation
  if (!e) {
    return (
      <Part title={t.message.says}>
        <p className="text-sm text-dim">
          <Raw value={m.parse_error} empty={t.message.noExplanation} />
        </p>
      </Part>
    )
  }
  return (
    <Part title={t.message.says}>
      <p className="text-xs text-dim"><Raw value={e.title} empty="" /></p>
      <p className="mt-0.5 text-base leading-6"><Raw value={e.summary} max={2000} empty="" /></p>
      {e.notes.length > 0 && (
        <ul className="mt-2 space-y-1 border-l-2 border-attention/60 pl-3 text-sm text-attention">
          {e.notes.map((note, i) => <li key={i}><Raw value={note} max={1000} /></li>)}
        </ul>
      )}
      <Fields e={e} />
      {!e.complete && <p className="mt-2 text-xs text-faint">{t.message.incomplete}</p>}
    </Part>
  )
}
