/* What was sent: as a tree, as text, as bytes. */
import { useMemo, useState } from 'react'
import type { Message } from '@/api/types'
import { parseJson } from '@/lib/json'
import { t } from '@/text'
import { Copy } from '@/ui/Copy'
import { HexView } from '@/ui/HexView'
import { JsonTree } from '@/ui/JsonTree'
import { Raw } from '@/ui/Raw'
import { Tabs } from '@/ui/Tabs'
import { Part } from './Part'

const TEXT_SHOWN = 65536

function Tree({ raw, text }: { raw: string; text: boolean }) {
  const node = useMemo(() => (text ? parseJson(raw) : null), [raw, text])
  if (!node) return <p className="text-sm text-dim">{t.message.notJson}</p>
  return <div className="overflow-x-auto pl-3 font-mono text-xs leading-5"><JsonTree node={node} /></div>
}

export function Bytes({ m }: { m: Message }) {
  const isText = m.raw_encoding !== 'base64'
  const [view, setView] = useState(isText && m.parse_error === null ? 'json' : isText ? 'text' : 'hex')
  return (
    <Part title={t.message.raw} aside={<Copy text={m.raw} label={t.message.copyRaw} />}>
      <Tabs
        label={t.message.view}
        value={view}
        onChange={setView}
        tabs={[
          { value: 'json', label: t.message.json, content: <Tree raw={m.raw} text={isText} /> },
          {
            value: 'text',
            label: t.message.text,
            content: (
              <pre className="whitespace-pre-wrap break-all font-mono text-xs leading-5">
                <Raw value={m.raw} max={TEXT_SHOWN} empty={t.raw.empty} />
              </pre>
            ),
          },
          { value: 'hex', label: t.message.hex, content: <HexView raw={m.raw} encoding={m.raw_encoding} /> },
        ]}
      />
    </Part>
  )
}
