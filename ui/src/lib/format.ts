/*
 * Figures and times as people read them.  null is what is not known, and is
 * shown as a dash, never as 0.
 */
export const DASH = '–'

type Maybe = number | null | undefined

const SI = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y']

/** Three significant figures and an SI prefix: 12.3 k. */
export function si(n: Maybe, unit = ''): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return DASH
  let i = 0
  let v = Math.abs(n)
  while (v >= 999.5 && i < SI.length - 1) {
    v /= 1000
    i++
  }
  const digits = i === 0 && Number.isInteger(v) ? 0 : v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2
  const suffix = `${SI[i] ?? ''}${unit}`
  return `${n < 0 ? '−' : ''}${v.toFixed(digits)}${suffix === '' ? '' : ` ${suffix}`}`
}

/** Hashes a second. */
export const hashrate = (n: Maybe): string => si(n, 'H/s')

const grouped = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })

/** 12,345 */
export function count(n: Maybe): string {
  return n === null || n === undefined ? DASH : grouped.format(n)
}

/** A difficulty: whole and short when it is large, exact when it is small. */
export function difficulty(n: Maybe): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return DASH
  if (n === 0) return '0'
  if (Math.abs(n) >= 10000) return si(n)
  if (Math.abs(n) >= 0.01) return String(Number(n.toPrecision(4)))
  return n.toExponential(2).replace(/\.?0+e/, 'e')
}

export function percent(part: Maybe, whole: Maybe): string {
  if (part === null || part === undefined || !whole) return DASH
  const p = (100 * part) / whole
  if (p === 0) return '0 %'
  if (p < 0.01) return '< 0.01 %'
  return `${p < 10 ? p.toFixed(2) : p.toFixed(1)} %`
}

export function bytes(n: Maybe): string {
  if (n === null || n === undefined) return DASH
  if (n < 1024) return `${n} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let v = n / 1024
  let i = 0
  while (v >= 1023.5 && i < units.length - 1) {
    v /= 1024
    i++
  }
  return `${v.toFixed(v < 9.95 ? 1 : 0)} ${units[i] ?? ''}`
}

/** Milliseconds: 0.032, 3.2, 45, 1,234. */
export function ms(n: Maybe): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return DASH
  if (n === 0) return '0 ms'
  if (n < 0.1) return `${n.toFixed(3)} ms`
  if (n < 10) return `${n.toFixed(1)} ms`
  return `${grouped.format(n)} ms`
}

/** Microseconds, shown in ms. */
export const us = (n: Maybe): string => ms(n === null || n === undefined ? null : n / 1000)

/** A length of time in its two largest units: 3 d 4 h, 12 s. */
export function duration(seconds: Maybe): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH
  const s = Math.max(0, Math.floor(seconds))
  const parts: [number, string][] = [
    [Math.floor(s / 86400), 'd'],
    [Math.floor(s / 3600) % 24, 'h'],
    [Math.floor(s / 60) % 60, 'min'],
    [s % 60, 's'],
  ]
  const first = parts.findIndex(([n]) => n > 0)
  if (first < 0) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([n], i) => n > 0 || i === 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(' ')
}

/** Milliseconds since the epoch, or NaN. */
export function instant(t: string | null | undefined): number {
  return t === null || t === undefined ? NaN : Date.parse(t)
}

const pad = (n: number, width = 2): string => String(n).padStart(width, '0')

/** 14:03:09.123 in the browser's zone. */
export function clock(t: string | null | undefined, millis = true): string {
  const d = new Date(instant(t))
  if (Number.isNaN(d.getTime())) return DASH
  const hms = `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`
  return millis ? `${hms}.${pad(d.getMilliseconds(), 3)}` : hms
}

/** 2026-11-21 14:03:09 in the browser's zone. */
export function dateTime(t: string | null | undefined, millis = false): string {
  const d = new Date(instant(t))
  if (Number.isNaN(d.getTime())) return DASH
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${clock(t, millis)}`
}

/** Only the time today, with the day before it otherwise. */
export function when(t: string | null | undefined, now: number): string {
  const d = new Date(instant(t))
  return d.toDateString() === new Date(now).toDateString() ? clock(t, false) : dateTime(t)
}

/** The same in UTC with all its figures, for the tooltip. */
export function utc(t: string | null | undefined): string {
  if (t === null || t === undefined) return ''
  return Number.isNaN(instant(t)) ? '' : `${t.replace('T', ' ').replace(/Z$/, '')} UTC`
}

/** How long ago, as 4 s or 3 h 12 min. */
export function ago(t: string | null | undefined, now: number): string {
  const at = instant(t)
  if (Number.isNaN(at)) return DASH
  const s = (now - at) / 1000
  if (s < 1) return 'now'
  return duration(s < 60 ? s : s < 3600 ? s - (s % 60) : s)
}

/** A session's id, short enough for a table: what differs stands at its end. */
export function shortId(id: string): string {
  return id.length > 12 ? id.slice(-8) : id
}
