/* The keyboard of the message list; keys that somebody types into are theirs. */
import { useEffect, useRef } from 'react'

export interface Keys {
  readonly down: () => void
  readonly up: () => void
  readonly open: () => void
  readonly search: () => void
  readonly close: () => void
  readonly pause: () => void
}

function typing(e: KeyboardEvent): boolean {
  const el = e.target instanceof HTMLElement ? e.target : null
  return el?.closest('input, textarea, select, [contenteditable], [role=dialog], [role=alertdialog]') !== null && el !== null
}

function actionOf(e: KeyboardEvent, keys: Keys): (() => void) | null {
  const onControl = e.target instanceof HTMLElement && e.target.closest('button, a, [role=tab], [role=switch]') !== null
  switch (e.key) {
    case 'j':
      return keys.down
    case 'k':
      return keys.up
    case '/':
      return keys.search
    case 'Escape':
      return keys.close
    case 'Enter':
      return onControl ? null : keys.open
    case ' ':
      return onControl ? null : keys.pause
    default:
      return null
  }
}

export function useKeys(keys: Keys): void {
  const latest = useRef(keys)
  useEffect(() => {
    latest.current = keys
  })
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || typing(e)) return
      const run = actionOf(e, latest.current)
      if (!run) return
      e.preventDefault()
      run()
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
}
