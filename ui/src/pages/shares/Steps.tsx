/*
 * The verification step by step, from the coinbase to the target, as the query
 * role worked it out with the code that judged the share.
 */
import { isObject, text } from '@/api/decode'
import type { Share } from '@/api/types'
import { t } from '@/text'
import { Badge } from '@/ui/Badge'
import { Copy } from '@/ui/Copy'
import { Raw } from '@/ui/Raw'
import { Part } from '../message/Part'

function Value({ name, value }: { name: string; value: unknown }) {
  const shown = text(value)
  return (
    <li className="grid grid-cols-[8.5rem_minmax(0,1fr)_auto] items-baseline gap-3 border-t py-1.5 first:border-0">
      <span className="text-sm text-dim">{name.replaceAll('_', ' ')}</span>
      <span className="break-all font-mono text-xs leading-[18px]"><Raw value={shown} max={1200} /></span>
      {shown.length > 16 && <Copy text={shown} />}
    </li>
  )
}

/** A list of {formula, version, hash, valid…}: the three ways of the bits. */
function Table({ name, rows }: { name: string; rows: unknown[] }) {
  const objects = rows.filter(isObject)
  if (objects.length === 0) return <Value name={name} value={rows.map(text).join('\n')} />
  const keys = [...new Set(objects.flatMap((o) => Object.keys(o)))].slice(0, 8)
  return (
    <li className="border-t py-1.5">
      <span className="text-sm text-dim">{name.replaceAll('_', ' ')}</span>
      <div className="mt-1 overflow-x-auto">
        <table className="w-full text-left text-xs">
          <thead><tr>{keys.map((k) => <th key={k} scope="col" className="pr-4 font-medium text-dim">{k.replaceAll('_', ' ')}</th>)}</tr></thead>
          <tbody>
            {objects.slice(0, 32).map((o, i) => (
              <tr key={i} className="border-t">
                {keys.map((k) => (
                  <td key={k} className="break-all py-1 pr-4 align-top font-mono">
                    {typeof o[k] === 'boolean' ? <Badge tone={o[k] ? 'accepted' : 'neutral'}>{o[k] ? '✓' : '–'}</Badge> : <Raw value={text(o[k])} max={200} />}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </li>
  )
}

function Step({ name, value }: { name: string; value: unknown }) {
  if (Array.isArray(value)) return value.length === 0 ? null : <Table name={name} rows={value} />
  if (isObject(value)) return <>{Object.entries(value).slice(0, 40).map(([k, v]) => <Step key={k} name={`${name} ${k}`} value={v} />)}</>
  return value === null || value === undefined ? null : <Value name={name} value={value} />
}

function plain(s: Share): Record<string, unknown> {
  return { extranonce1: s.extranonce1, extranonce2: s.extranonce2, version: s.version, version_bits: s.version_bits, ntime: s.ntime, nonce: s.nonce, hash: s.hash }
}

export function Steps({ s }: { s: Share }) {
  const v = isObject(s.verification) ? s.verification : plain(s)
  return (
    <Part title={t.share.steps}>
      <ol className="text-sm">
        {Object.entries(v).slice(0, 60).map(([name, value]) => <Step key={name} name={name} value={value} />)}
      </ol>
    </Part>
  )
}
