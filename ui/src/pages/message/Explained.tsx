/* The message in plain words: the same as hashscopectl show message. */
import type { Message } from '@/api/types'
import { t } from '@/text'
import { Raw } from '@/ui/Raw'
import { Part } from './Part'

/** Each value by its name, with what it means. */
export function Fields({ m }: { m: Message }) {
  const e = m.explanation
  if (!e || e.fields.length === 0) return null
  return (
    <Part title={t.message.fields}>
      <dl className="grid grid-cols-[minmax(7rem,auto)_1fr] gap-x-4 text-sm">
        {e.fields.map((f, i) => (
          <div key={i} className="col-span-2 grid grid-cols-subgrid items-baseline border-t py-1 first:border-0">
            <dt className="font-mono text-xs leading-[18px] text-dim"><Raw value={f.name} max={80} /></dt>
            <dd className="flex min-w-0 flex-wrap items-baseline gap-x-3">
              <span className="break-all font-mono text-xs leading-[18px]">
                <Raw value={f.value} max={600} />
                {f.unit !== '' && f.unit !== 'hex' && <span className="font-sans text-faint"> <Raw value={f.unit} /></span>}
              </span>
              {f.meaning !== '' && <span className="text-dim"><Raw value={f.meaning} max={600} /></span>}
            </dd>
          </div>
        ))}
      </dl>
      {!e.complete && <p className="mt-2 text-xs text-faint">{t.message.incomplete}</p>}
    </Part>
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
    </Part>
  )
}
