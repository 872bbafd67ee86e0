/*
 * The verification step by step, from the coinbase to the target, as the query
 * role worked it out with the code that judged the share.
 */
import type { ReactNode } from 'react'
import { isObject } from '@/api/decode'
import type { Share } from '@/api/types'
import { verification, type Verification } from '@/api/verification'
import { cx } from '@/lib/cx'
import { difficulty } from '@/lib/format'
import { t } from '@/text'
import { Badge } from '@/ui/Badge'
import { Copy } from '@/ui/Copy'
import { Raw } from '@/ui/Raw'
import { Part } from '../message/Part'

const s = t.share

function Mark({ ok }: { ok: unknown }) {
  const known = typeof ok === 'boolean'
  return (
    <span className={cx('inline-block w-4 shrink-0 font-semibold', ok === true ? 'text-accepted' : ok === false ? 'text-rejected' : 'text-faint')}>
      <span aria-hidden>{known ? (ok ? '✓' : '✗') : '·'}</span>
      <span className="sr-only">{known ? (ok ? s.good : s.bad) : s.open}</span>
    </span>
  )
}

function Step({ title, children }: { title: string; children: ReactNode }) {
  return (
    <li className="border-t py-2 first:border-0">
      <p className="mb-1 text-sm font-medium">{title}</p>
      {children}
    </li>
  )
}

function Hex({ name, value, copy = false }: { name: string; value: string | null; copy?: boolean }) {
  if (value === null || value === '') return null
  return (
    <div className="grid grid-cols-[7.5rem_minmax(0,1fr)_auto] items-baseline gap-3 py-0.5">
      <span className="text-xs text-dim">{name}</span>
      <span className="break-all font-mono text-xs leading-[18px]"><Raw value={value} max={1200} /></span>
      {copy && <Copy text={value} />}
    </div>
  )
}

function Checks({ v }: { v: Verification }) {
  return (
    <ul className="mb-2 space-y-1">
      {v.checks.map((c) => (
        <li key={c.name} className="flex gap-2 text-sm">
          <Mark ok={c.ok} />
          <span className={c.ok === false ? 'text-rejected' : undefined}><Raw value={c.text} max={400} /></span>
        </li>
      ))}
    </ul>
  )
}

function Coinbase({ v: { coinbase: c } }: { v: Verification }) {
  const parts = [[c.coinbase1, 'text-faint'], [c.extranonce1, 'text-accent'], [c.extranonce2, 'text-attention'], [c.coinbase2, 'text-faint']] as const
  return (
    <Step title={s.coinbase}>
      <p className="break-all font-mono text-xs leading-[18px]">
        {parts.map(([hex, colour], i) => <span key={i} className={colour}>{hex.slice(0, 2000)}</span>)}
      </p>
      <p className="mt-1 text-xs text-dim"><span className="text-accent">extranonce1</span> · <span className="text-attention">extranonce2</span></p>
      <Hex name="txid" value={c.txid} />
    </Step>
  )
}

function Merkle({ v: { merkle } }: { v: Verification }) {
  return (
    <Step title={s.merkle}>
      {merkle.branches.slice(0, 32).map((b, i) => <Hex key={i} name={`${s.branch} ${i + 1}`} value={b.branch} />)}
      <Hex name={s.root} value={merkle.root} />
    </Step>
  )
}

function Header({ v: { header: h } }: { v: Verification }) {
  return (
    <Step title={s.header}>
      <Hex name="version" value={h.version} />
      <Hex name={s.previous} value={h.previous_block} />
      <Hex name={s.merkle} value={h.merkle_root} />
      <Hex name="ntime" value={h.ntime} />
      <Hex name="nbits" value={h.nbits} />
      <Hex name="nonce" value={h.nonce} />
      <Hex name={s.bytes} value={h.hex} copy />
    </Step>
  )
}

function Limits({ v }: { v: Verification }) {
  return (
    <Step title={s.target}>
      <Hex name={s.hash} value={v.hash} copy />
      {v.limits.filter((l) => l.target !== null).map((l) => (
        <div key={l.asked} className="flex items-baseline gap-2 py-0.5">
          <Mark ok={l.reached} />
          <span className="w-28 shrink-0 text-xs text-dim">{s.asked[l.asked] ?? l.asked}</span>
          <span className="w-16 shrink-0 text-sm tabular-nums">{difficulty(l.difficulty)}</span>
          <span className="min-w-0 break-all font-mono text-xs text-faint">{l.target}</span>
        </div>
      ))}
    </Step>
  )
}

/** The three ways to put the version bits into the header. */
function Formulas({ v }: { v: Verification }) {
  const rows = v.formulas
  if (rows.length === 0) return null
  return (
    <Step title={s.formulas}>
      <Hex name={s.jobVersion} value={v.job_version} />
      <Hex name={s.bits} value={v.version_bits} />
      <Hex name={s.mask} value={v.version_mask} />
      {rows.slice(0, 8).map((f, i) => (
        <div key={i} className="mt-1 flex items-baseline gap-2">
          <Mark ok={f.reaches} />
          <div className="min-w-0">
            <p className="text-sm"><Raw value={f.name} /> <span className="font-mono text-xs text-dim"><Raw value={f.formula} max={80} /></span>{f.used && <> <Badge tone="accent">{s.used}</Badge></>}</p>
            <p className="break-all font-mono text-xs text-dim"><Raw value={f.version} max={10} /> → <Raw value={f.hash} max={70} /></p>
          </div>
        </div>
      ))}
    </Step>
  )
}

function Plain({ share }: { share: Share }) {
  return (
    <>
      <Hex name="extranonce2" value={share.extranonce2} />
      <Hex name="ntime" value={share.ntime} />
      <Hex name="nonce" value={share.nonce} />
      <Hex name={s.hash} value={share.hash} copy />
    </>
  )
}

export function Steps({ s: share }: { s: Share }) {
  const v = isObject(share.verification) ? verification(share.verification) : null
  return (
    <Part title={s.steps}>
      {v === null ? <Plain share={share} /> : (
        <>
          {v.why !== null && <p className="mb-2 text-sm text-attention"><Raw value={v.why} max={400} /></p>}
          <Checks v={v} />
          {v.possible && <ol><Coinbase v={v} /><Merkle v={v} /><Header v={v} /><Formulas v={v} /><Limits v={v} /></ol>}
        </>
      )}
    </Part>
  )
}
