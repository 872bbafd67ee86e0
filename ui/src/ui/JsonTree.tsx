/* JSON as it was sent, to fold and unfold. */
import { useState } from 'react'
import { type JsonNode } from '@/lib/json'
import { t } from '@/text'
import { Raw } from './Raw'

const SHOWN = 100

interface Props {
  readonly node: JsonNode
  readonly name?: string | undefined
  readonly depth?: number
}

function Name({ name }: { name: string | undefined }) {
  if (name === undefined) return null
  return (
    <span className="text-dim">
      <Raw value={name} max={120} empty='""' />
      {': '}
    </span>
  )
}

function Scalar({ node }: { node: Extract<JsonNode, { value: string }> }) {
  if (node.kind === 'string') {
    return (
      <span className="break-all text-accepted">
        &quot;
        <Raw value={node.value} max={4096} empty="" />
        &quot;
      </span>
    )
  }
  return <span className={node.kind === 'number' ? 'text-accent' : 'text-attention'}>{node.value}</span>
}

function children(node: JsonNode): readonly (readonly [string, JsonNode])[] | null {
  if (node.kind === 'object') return node.members
  if (node.kind === 'array') return node.items.map((item, i) => [String(i), item] as const)
  return null
}

export function JsonTree({ node, name, depth = 0 }: Props) {
  const inside = children(node)
  const [open, setOpen] = useState(depth < 3)
  const [limit, setLimit] = useState(SHOWN)
  if (!inside) {
    return (
      <div className="pl-4">
        <Name name={name} />
        <Scalar node={node as Extract<JsonNode, { value: string }>} />
      </div>
    )
  }
  const [left, right] = node.kind === 'object' ? ['{', '}'] : ['[', ']']
  return (
    <div className={depth > 0 ? 'pl-4' : undefined}>
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="-ml-3 text-left hover:bg-raised">
        <span aria-hidden className="inline-block w-3 text-faint">{open ? '▾' : '▸'}</span>
        <Name name={name} />
        {left}
        {!open && ` ${t.raw.items(inside.length)} ${right}`}
      </button>
      {open && inside.slice(0, limit).map(([key, v], i) => <JsonTree key={i} node={v} name={key} depth={depth + 1} />)}
      {open && inside.length > limit && (
        <button type="button" className="pl-4 text-accent" onClick={() => setLimit(limit + 1000)}>
          {t.raw.moreItems(inside.length - limit)}
        </button>
      )}
      {open && <div>{right}</div>}
    </div>
  )
}
