/*
 * A table of a few hundred rows that sorts; only those rows are made which are
 * seen.  Columns that matter less give way on a narrow screen.
 */
import {
  flexRender, getCoreRowModel, getSortedRowModel, useReactTable,
  type ColumnDef, type Header, type Row, type RowData, type SortingState,
} from '@tanstack/react-table'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef, useState, type MouseEvent } from 'react'
import { cx } from '@/lib/cx'
import { navigate } from '@/state/router'

declare module '@tanstack/react-table' {
  // The type's parameters have to be those of the library's declaration.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface ColumnMeta<TData extends RowData, TValue> {
    readonly right?: boolean
    readonly mono?: boolean
    /** From which width on it is shown. */
    readonly from?: 'sm' | 'md' | 'lg' | 'xl'
    readonly className?: string
  }
}

const FROM = { sm: 'hidden sm:table-cell', md: 'hidden md:table-cell', lg: 'hidden lg:table-cell', xl: 'hidden xl:table-cell' }
const ROW = 33

// Columns of one table have values of many types.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Columns<T> = ColumnDef<T, any>[]

interface Props<T> {
  readonly label: string
  readonly rows: readonly T[]
  readonly columns: Columns<T>
  readonly sort?: SortingState
  readonly id: (row: T) => string
  /** Where a row leads. */
  readonly to?: (row: T) => string
  readonly dimmed?: (row: T) => boolean
  readonly onEnd?: (() => void) | undefined
  /** Told when one scrolls, where there is more than fits. */
  readonly onTop?: ((atTop: boolean) => void) | undefined
}

function cellClass<T>(h: Header<T, unknown>['column'], head = false): string {
  const meta = h.columnDef.meta
  return cx(
    'px-2 first:pl-4 last:pr-4 whitespace-nowrap',
    meta?.right === true && 'text-right tabular-nums',
    meta?.mono === true && !head && 'font-mono text-xs',
    meta?.from !== undefined && FROM[meta.from],
    meta?.className,
  )
}

const ARIA = { asc: 'ascending', desc: 'descending' } as const

function Head<T>({ header }: { header: Header<T, unknown> }) {
  const { column } = header
  const sorted = column.getIsSorted()
  const label = flexRender(column.columnDef.header, header.getContext())
  return (
    <th
      scope="col"
      aria-sort={sorted === false ? undefined : ARIA[sorted]}
      className={cx(cellClass(column, true), 'h-8 text-left text-xs font-medium text-dim')}
    >
      {column.getCanSort() ? (
        <button type="button" className="relative font-medium hover:text-ink" onClick={column.getToggleSortingHandler()}>
          {label}
          <span aria-hidden className={cx('absolute top-0 w-3 text-center', column.columnDef.meta?.right === true ? '-left-3.5' : '-right-3.5')}>
            {sorted === 'asc' ? '↑' : sorted === 'desc' ? '↓' : ''}
          </span>
        </button>
      ) : (
        label
      )}
    </th>
  )
}

function Line<T>({ row, to, dimmed }: { row: Row<T>; to: ((row: T) => string) | undefined; dimmed: boolean }) {
  const open = (e: MouseEvent) => {
    const target = e.target as HTMLElement
    if (!to || target.closest('a, button, input, select, [role=switch]') || window.getSelection()?.toString() !== '') return
    navigate(to(row.original))
  }
  return (
    <tr onClick={open} className={cx('border-t hover:bg-raised/60', to && 'cursor-pointer', dimmed && 'text-faint')} style={{ height: ROW }}>
      {row.getVisibleCells().map((cell) => (
        <td key={cell.id} className={cx(cellClass(cell.column), 'max-w-[18rem] truncate')}>
          {flexRender(cell.column.columnDef.cell, cell.getContext())}
        </td>
      ))}
    </tr>
  )
}

export function DataTable<T>({ label, rows, columns, sort = [], id, to, dimmed, onEnd, onTop }: Props<T>) {
  const [sorting, setSorting] = useState<SortingState>(sort)
  const box = useRef<HTMLDivElement>(null)
  const table = useReactTable({
    data: rows as T[],
    columns,
    state: { sorting },
    onSortingChange: setSorting,
    getRowId: id,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
    enableSortingRemoval: false,
  })
  const all = table.getRowModel().rows
  const many = all.length > 60
  const virtual = useVirtualizer({
    count: all.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 12,
    enabled: many,
  })
  const seen = many ? virtual.getVirtualItems() : []
  const shown = many ? seen.flatMap((v) => all[v.index] ?? []) : all
  const before = seen[0]?.start ?? 0
  const after = many ? virtual.getTotalSize() - (seen.at(-1)?.end ?? 0) : 0
  return (
    <div
      ref={box}
      tabIndex={many ? 0 : undefined}
      role={many ? 'region' : undefined}
      aria-label={many ? label : undefined}
      className={cx('w-full overflow-auto', many && 'max-h-[calc(100dvh-11.5rem)]')}
      onScroll={(e) => {
        const el = e.currentTarget
        onTop?.(el.scrollTop < ROW)
        if (onEnd && el.scrollHeight - el.scrollTop - el.clientHeight < 400) onEnd()
      }}
    >
      <table aria-label={label} className="w-full border-collapse text-sm">
        <thead className="sticky top-0 z-10 bg-panel">
          {table.getHeaderGroups().map((g) => (
            <tr key={g.id}>{g.headers.map((h) => <Head key={h.id} header={h} />)}</tr>
          ))}
        </thead>
        <tbody>
          {before > 0 && <tr aria-hidden style={{ height: before }} />}
          {shown.map((row) => (
            <Line key={row.id} row={row} to={to} dimmed={dimmed?.(row.original) ?? false} />
          ))}
          {after > 0 && <tr aria-hidden style={{ height: after }} />}
        </tbody>
      </table>
    </div>
  )
}
