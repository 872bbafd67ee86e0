/*
 * Which rows of a long list are seen.  All are of one height, so that is a
 * division; nothing is kept for a row, be there a million.
 */
import { useEffect, useState, type RefObject } from 'react'

export const ROW = 30
/** Made beyond what is seen, for the frames until the next look. */
const SPARE = 8

export interface Rows {
  readonly from: number
  /** The first that is not seen any more. */
  readonly to: number
  /** One looks at the newest. */
  readonly atTop: boolean
}

/** At most so many rows are made, however high the screen is. */
const MOST = 250

export function rowsOf(top: number, height: number, rows: number): Rows {
  // A list that became shorter: the browser scrolls back a moment later.
  const at = Math.min(Math.max(0, top), Math.max(0, rows * ROW - height))
  const seen = Math.floor(at / ROW)
  const to = seen + Math.min(MOST, Math.ceil(height / ROW) + 1) + SPARE
  return { from: Math.max(0, seen - SPARE), to: Math.min(rows, to), atTop: seen === 0 }
}

/** Looked at once a frame, however often the browser says that it moved. */
export function useRows(box: RefObject<HTMLElement | null>, rows: number): Rows {
  const [seen, setSeen] = useState({ top: 0, height: 0 })
  useEffect(() => {
    const el = box.current
    if (!el) return
    let frame = 0
    const look = () => {
      frame = 0
      const top = el.scrollTop
      const height = el.clientHeight
      setSeen((was) => (was.top === top && was.height === height ? was : { top, height }))
    }
    const later = () => {
      if (frame === 0) frame = requestAnimationFrame(look)
    }
    const sizes = new ResizeObserver(later)
    sizes.observe(el)
    el.addEventListener('scroll', later, { passive: true })
    look()
    return () => {
      cancelAnimationFrame(frame)
      sizes.disconnect()
      el.removeEventListener('scroll', later)
    }
  }, [box])
  return rowsOf(seen.top, seen.height, rows)
}

/** Scrolls no further than it has to. */
export function intoView(box: HTMLElement, row: number): void {
  const top = row * ROW
  const bottom = top + ROW - box.clientHeight
  if (box.scrollTop > top) box.scrollTop = top
  else if (box.scrollTop < bottom) box.scrollTop = bottom
}
