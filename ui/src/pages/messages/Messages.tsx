/*
 * Every message as it passes.  The filters and the message that is open are in
 * the URL, so a view can be sent to somebody.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { cx } from '@/lib/cx'
import { FILTERS, isFiltered, readFilter, type MessageFilter } from '@/lib/filters'
import { useParam, usePlace } from '@/state/router'
import { t } from '@/text'
import { Badge } from '@/ui/Badge'
import { Button } from '@/ui/Button'
import { Copy } from '@/ui/Copy'
import { PageHead } from '@/ui/Panel'
import { Empty, ErrorNote, Skeleton } from '@/ui/State'
import { MessageView } from '../message/MessageView'
import { Filters } from './Filters'
import { Table } from './Table'
import { useKeys } from './useKeys'
import { useMessages, type Messages as List } from './useMessages'

/** The filter of the URL, the same object until it changes. */
function useFilter(): MessageFilter {
  const { query } = usePlace()
  const key = FILTERS.map((name) => query.get(name) ?? '').join('\n')
  // eslint-disable-next-line react-hooks/exhaustive-deps
  return useMemo(() => readFilter(query), [key])
}

function useSelection(list: List) {
  const [open, setOpen] = useParam('open')
  const [selected, setSelected] = useState<string | null>(open === '' ? null : open)
  const move = (by: number) => {
    const at = list.items.findIndex((i) => i.id === selected)
    const next = list.items[at < 0 ? 0 : Math.max(0, Math.min(list.items.length - 1, at + by))]
    if (!next) return
    setSelected(next.id)
    if (open !== '' && next.kind === 'message') setOpen(next.id)
  }
  const show = useCallback(
    (id: string) => {
      setSelected(id)
      setOpen(id)
    },
    [setOpen],
  )
  return { open, setOpen, selected, move, show }
}

function Live({ list, paused }: { list: List; paused: boolean }) {
  if (list.lost) return <Badge tone="rejected">{t.reach.down}</Badge>
  if (paused) return <Badge tone="stale">{t.messages.paused}</Badge>
  return list.waiting > 0 ? <Badge tone="stale">{t.messages.holding}</Badge> : <Badge tone="accepted">{t.messages.live}</Badge>
}

function Foot({ list }: { list: List }) {
  if (list.stoppedAt !== null && list.older !== null) {
    return (
      <div className="flex flex-wrap items-center justify-center gap-2 border-t px-4 py-2 text-sm text-dim">
        {t.state.stopped(list.stoppedAt)} <Button onClick={list.goOn} busy={list.loading}>{t.state.goOn}</Button>
      </div>
    )
  }
  if (list.loading) return <div className="border-t px-4 py-1.5 text-center text-xs text-dim">{t.state.loading}</div>
  return null
}

function Body({ list, children, filtered }: { list: List; children: React.ReactNode; filtered: boolean }) {
  if (list.items.length > 0) return <>{children}</>
  if (list.error) return <ErrorNote error={list.error} onRetry={list.reload} />
  if (list.loading) return <Skeleton lines={12} />
  return <Empty title={filtered ? t.messages.emptyFilter : t.messages.empty}>{filtered ? '' : t.messages.emptyText}</Empty>
}

/** When apid is back after it was away, and nothing was shown yet. */
function useRetry(list: List): void {
  const { error, lost, reload } = list
  const failed = error !== null
  useEffect(() => {
    if (!failed) return
    const id = setTimeout(reload, 2000)
    return () => clearTimeout(id)
  }, [failed, lost, reload])
}

export function Messages() {
  const filter = useFilter()
  const list = useMessages(filter)
  const [paused, setPaused] = useState(false)
  const [atTop, setAtTop] = useState(true)
  const [jump, setJump] = useState(0)
  const search = useRef<HTMLInputElement>(null)
  const { open, setOpen, selected, move, show } = useSelection(list)
  useRetry(list)
  const { hold } = list
  useEffect(() => hold(paused || !atTop), [hold, paused, atTop])
  const newest = () => {
    setPaused(false)
    setAtTop(true)
    setJump((n) => n + 1)
  }
  useKeys({
    down: () => move(1),
    up: () => move(-1),
    open: () => selected !== null && show(selected),
    close: () => setOpen(''),
    search: () => search.current?.focus(),
    pause: () => setPaused(!paused),
  })
  return (
    <div className="flex h-full min-h-[24rem] flex-col">
      <PageHead title={t.messages.title}>
        <span className="hidden text-xs text-faint xl:inline">{t.messages.keys}</span>
        <Live list={list} paused={paused} />
        <Button onClick={() => setPaused(!paused)} aria-pressed={paused}>{paused ? t.messages.resume : t.messages.pause}</Button>
        <Copy text={window.location.href} label={t.messages.share} />
      </PageHead>
      <Filters filter={filter} search={search} />
      <div className="mt-3 flex min-h-0 flex-1 gap-3">
        <div className={cx('relative min-w-0 flex-1 flex-col overflow-hidden rounded-lg border bg-panel', open === '' ? 'flex' : 'hidden lg:flex')}>
          {list.waiting > 0 && (
            <Button look="primary" onClick={newest} className="absolute left-1/2 top-10 z-10 -translate-x-1/2 shadow-lg">
              ↑ {t.messages.newer(list.waiting)}
            </Button>
          )}
          <Body list={list} filtered={isFiltered(filter)}>
            <Table items={list.items} first={list.first} rows={list.rows} selected={selected} onOpen={show} onTop={setAtTop} onLook={list.look} jump={jump} narrow={open !== ''} />
          </Body>
          <Foot list={list} />
        </div>
        {open !== '' && (
          <aside aria-label={t.message.title(open)} className="min-w-0 flex-1 overflow-auto rounded-lg border bg-panel lg:max-w-[44%]">
            <MessageView id={open} onClose={() => setOpen('')} />
          </aside>
        )}
      </div>
    </div>
  )
}
