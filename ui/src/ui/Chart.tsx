/*
 * A line chart over time, by uPlot, which is loaded when the first one is
 * shown.  Colours are those of the theme.
 */
import { useEffect, useMemo, useRef } from 'react'
import type uPlot from 'uplot'
import { cx } from '@/lib/cx'
import { useTheme } from '@/state/theme'
import { t } from '@/text'
import type { Tone } from './Badge'

export interface Line {
  readonly label: string
  readonly tone: Tone | 'dim'
  readonly values: readonly (number | null)[]
  readonly fill?: boolean
}

interface Props {
  readonly label: string
  /** Seconds since the epoch. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number | null) => string
  readonly height?: number
}

const VAR: Record<Line['tone'], string> = {
  neutral: 'ink', dim: 'faint', accepted: 'accepted', rejected: 'rejected',
  stale: 'stale', attention: 'attention', accent: 'accent',
}

function colour(name: string, alpha = 1): string {
  const rgb = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim().split(/\s+/)
  return `rgba(${rgb.join(',')},${alpha})`
}

const pad = (n: number): string => String(n).padStart(2, '0')

/** 14:30, with seconds where these differ; the day where one begins. */
function clockLabel(seconds: number, step = 60): string {
  const d = new Date(seconds * 1000)
  if (step >= 60 && d.getHours() + d.getMinutes() === 0) return `${pad(d.getDate())}.${pad(d.getMonth() + 1)}.`
  const minute = `${pad(d.getHours())}:${pad(d.getMinutes())}`
  return step < 60 ? `${minute}:${pad(d.getSeconds())}` : minute
}

/** Seconds between the labels of the time. */
const STEPS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000]

/** A line is told by its values where one points, or by the last of them. */
const valueAt = (format: Props['format']) => (u: uPlot, v: number | null, series: number, at: number | null) =>
  format(at === null ? lastOf(u.data[series] ?? []) : v)

function lastOf(values: ArrayLike<number | null | undefined>): number | null {
  for (let i = values.length - 1; i >= 0; i--) {
    const v = values[i]
    if (v !== null && v !== undefined) return v
  }
  return null
}

function axis(side: 'x' | 'y', format?: Props['format']): uPlot.Axis {
  return {
    stroke: colour('faint'),
    grid: { stroke: colour('line'), width: 1, show: side === 'y' },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
    ...(side === 'y'
      ? { size: 62, space: 36, values: (_u: uPlot, v: number[]) => v.map((n) => format?.(n) ?? String(n)) }
      : { size: 24, space: 64, incrs: STEPS, values: (_u: uPlot, at: number[], _axis: number, _space: number, step: number) => at.map((s) => clockLabel(s, step)) }),
  }
}

function options({ lines, format, height = 180 }: Props, width: number): uPlot.Options {
  return {
    width,
    height,
    padding: [8, 24, 0, 0],
    cursor: { points: { size: 5 }, y: false, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [axis('x'), axis('y', format)],
    series: [
      { label: '', value: (_u, s: number | null) => (s === null ? t.chart.latest : clockLabel(s, 1)) },
      ...lines.map((l): uPlot.Series => ({
        label: l.label,
        stroke: colour(VAR[l.tone]),
        width: 1.5,
        points: { show: false },
        spanGaps: false,
        value: valueAt(format),
        ...(l.fill === true ? { fill: colour(VAR[l.tone], 0.1) } : {}),
      })),
    ],
  }
}

export function Chart(props: Props) {
  const { label, times, lines, height = 180 } = props
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const theme = useTheme()
  const data = useMemo(() => [times, ...lines.map((l) => l.values)] as unknown as uPlot.AlignedData, [times, lines])
  const latest = useRef({ data, props })
  useEffect(() => {
    latest.current = { data, props }
    plot.current?.setData(data)
  })
  const shape = lines.map((l) => l.label).join('\n')
  useEffect(() => {
    const el = box.current
    if (!el) return
    let gone = false
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: el.clientWidth, height }))
    void import('./uplot').then(({ UPlot }) => {
      if (gone) return
      plot.current = new UPlot(options(latest.current.props, el.clientWidth), latest.current.data, el)
      watch.observe(el)
    })
    return () => {
      gone = true
      watch.disconnect()
      plot.current?.destroy()
      plot.current = null
    }
  }, [theme, shape, height])
  return (
    <figure role="img" aria-label={label} className="relative">
      <div ref={box} className={cx('min-w-0 overflow-hidden', times.length < 2 && 'opacity-30')} style={{ minHeight: height + 26 }} />
      {times.length < 2 && <p className="absolute inset-0 grid place-items-center text-sm text-dim">{t.state.noFigures}</p>}
    </figure>
  )
}
