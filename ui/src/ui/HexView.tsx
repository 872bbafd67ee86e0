import { useMemo } from 'react'
import { bytesOf, hexLines } from '@/lib/hex'
import { t } from '@/text'

export function HexView({ raw, encoding }: { raw: string; encoding: string | null }) {
  const bytes = useMemo(() => bytesOf(raw, encoding), [raw, encoding])
  const lines = hexLines(bytes, 1024)
  return (
    <div className="overflow-x-auto font-mono text-xs leading-5">
      <pre>
        {lines.map((l) => (
          <div key={l.offset}>
            <span className="text-faint">{l.offset}</span> {'  '}
            {l.hex.padEnd(49)} <span className="text-dim">{l.ascii}</span>
          </div>
        ))}
      </pre>
      {bytes.length > 1024 * 16 && <p className="text-faint">{t.raw.more(bytes.length - 1024 * 16)}</p>}
    </div>
  )
}
