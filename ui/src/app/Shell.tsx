/* The frame of every page: where one can go, and whether HashScope is there. */
import { Suspense, useEffect, useState } from 'react'
import { cx } from '@/lib/cx'
import { usePlace } from '@/state/router'
import { useReach } from '@/state/resource'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { MenuIcon } from '@/ui/icons'
import { Link } from '@/ui/Link'
import { Empty, Skeleton } from '@/ui/State'
import { ErrorBoundary } from './ErrorBoundary'
import { Nav } from './Nav'
import { findRoute } from './routes'

function Away() {
  if (useReach() !== 'down') return null
  return (
    <div role="status" className="border-b border-stale/40 bg-stale/10 px-4 py-1.5 text-sm text-stale">
      <strong className="font-semibold">{t.reach.down}.</strong> {t.reach.downText}
    </div>
  )
}

function Page() {
  const { path } = usePlace()
  const found = findRoute(path)
  useEffect(() => {
    document.title = found ? `${found.route.title} · ${t.name}` : t.name
  }, [found])
  if (!found) return <Empty title={t.state.noPage}><Link to="/">{t.state.toStart}</Link></Empty>
  const Found = found.route.page
  return (
    <ErrorBoundary of={path}>
      <Suspense fallback={<Skeleton />}>
        <Found params={found.params} />
      </Suspense>
    </ErrorBoundary>
  )
}

export function Shell({ onLogout }: { onLogout: () => void }) {
  const [open, setOpen] = useState(false)
  const { path } = usePlace()
  useEffect(() => setOpen(false), [path])
  return (
    <div className="flex h-full">
      <a href="#page" className="sr-only focus:not-sr-only focus:fixed focus:left-2 focus:top-2 focus:z-50 focus:rounded focus:bg-panel focus:p-2">
        {t.nav.skip}
      </a>
      <div
        className={cx('fixed inset-0 z-30 bg-black/40 md:hidden', !open && 'hidden')}
        aria-hidden
        onClick={() => setOpen(false)}
      />
      <Nav open={open} onLogout={onLogout} />
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="flex h-12 shrink-0 items-center gap-2 border-b bg-panel px-2 md:hidden">
          <Button look="quiet" icon aria-label={t.nav.menu} aria-expanded={open} onClick={() => setOpen(true)}>
            <MenuIcon />
          </Button>
          <span className="font-semibold">{t.name}</span>
        </header>
        <Away />
        <main id="page" tabIndex={-1} className="min-h-0 flex-1 overflow-auto p-3 outline-none sm:p-5">
          <Page />
        </main>
      </div>
    </div>
  )
}
